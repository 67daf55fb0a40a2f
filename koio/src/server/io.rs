//! Putting a server together.

use std::{
    error::Error as StdError, future::Future, io, net::SocketAddr, panic::Location, sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
use tower::{Layer, Service};

use super::{
    Config, KoioLayer, KoioService, Server,
    attached::{self, AttachedService},
    listen::HttpServices,
};
use crate::{
    Context, Error, Namespace, Next, Reply, Result,
    engine::Engine,
    error::BoxError,
    observe::Observer,
    router::{Answer, IntoRoutes, Pipeline, Setup, Table},
    socket::{Clients, IoHandle, ServerCore},
    transport::{BadOrigin, EngineService, Origins},
};

/// A server before it starts: state, middleware, handlers, limits. Consumed by
/// [`listen`](Self::listen), [`bind`](Self::bind), [`into_layer`](Self::into_layer) or
/// [`into_service`](Self::into_service), which check all of it.
///
/// ```no_run
/// use koio::{handlers, on, Context, Io, Next, Reply, Result};
///
/// #[on("sendMsg")]
/// async fn send_msg(ctx: Context, text: String) -> Result<()> {
///     ctx.io().broadcast("allmessage", text)
/// }
///
/// async fn log(ctx: Context, next: Next) -> Result<Reply> {
///     println!("-> {}", ctx.event());
///     let reply = next.run().await;
///     println!("<- {}", ctx.event());
///     reply
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<()> {
///     Io::new().wrap(log).handlers(handlers![send_msg]).listen("127.0.0.1:3000").await
/// }
/// ```
#[must_use = "a server does nothing until it listens"]
pub struct Io {
    setup: Setup,
    core: Arc<ServerCore>,
    config: Config,
    /// The call of [`config`](Self::config) after which the limits contradict each other.
    contradiction: Option<&'static Location<'static>>,
    origins: Origins,
    /// The first text given to [`allow_origin`](Self::allow_origin) that is no origin.
    invalid_origin: Option<InvalidOrigin>,
    path: String,
    attached: Option<AttachedService>,
    observers: Vec<Box<dyn Observer>>,
}

struct InvalidOrigin {
    given: String,
    why: BadOrigin,
    location: &'static Location<'static>,
}

impl Default for Io {
    fn default() -> Self {
        Self::new()
    }
}

impl Io {
    /// A server without handlers, under the path `/socket.io`.
    pub fn new() -> Self {
        Self::of(Setup::new())
    }

    /// A server with every `#[on]` function of the program, wherever it stands. Start-up logs the table of them.
    ///
    /// Methods of `#[on] impl` blocks need a value: give it with [`handlers`](Self::handlers).
    #[cfg(feature = "discover")]
    pub fn discover() -> Self {
        Self::of(Setup::discover())
    }

    fn of(setup: Setup) -> Self {
        Self {
            setup,
            core: ServerCore::new(),
            config: Config::default(),
            contradiction: None,
            origins: Origins::default(),
            invalid_origin: None,
            path: "/socket.io".to_owned(),
            attached: None,
            observers: Vec::new(),
        }
    }

    fn set_up(mut self, change: impl FnOnce(Setup) -> Setup) -> Self {
        self.setup = change(self.setup);
        self
    }

    /// Shares a value with all handlers, which take it as [`State<T>`](crate::State). One for each type; a second
    /// one of a type is an error at the start.
    ///
    /// It is dropped when the server has stopped and its last session has ended. A handle ([`Io::handle`]) may be in it.
    #[track_caller]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.setup = self.setup.state(value);
        self
    }

    /// Puts a middleware around every event of every namespace, connection and disconnect included. The first is
    /// the outermost. koa's `app.use`.
    ///
    /// ```
    /// # use koio::{Io, Context, Next};
    /// let io = Io::new().wrap(|ctx: Context, next: Next| async move {
    ///     let reply = next.run().await;
    ///     if let Err(error) = &reply {
    ///         println!("{} failed: {error}", ctx.event());
    ///     }
    ///     reply
    /// });
    /// ```
    pub fn wrap<F, Fut>(self, middleware: F) -> Self
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.set_up(|setup| setup.wrap(middleware))
    }

    /// Puts a tower layer around every event and connection of every namespace, outside all middleware. The first
    /// is the outermost. It is shared by all sockets.
    ///
    /// A client whose event a layer turns away is answered `timeout`, `overloaded` or `internal`.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Pipeline> + Send + 'static,
        L::Service: Service<Context, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Context>>::Error: Into<BoxError>,
        <L::Service as Service<Context>>::Future: Send + 'static,
    {
        self.set_up(|setup| setup.layer(layer))
    }

    /// Adds handlers: a list made by [`handlers!`](crate::handlers), or a value whose methods are handlers. They
    /// belong to `/` unless they say otherwise (`#[on("event", ns = "/chat")]`).
    pub fn handlers(self, handlers: impl IntoRoutes) -> Self {
        self.set_up(|setup| setup.handlers(handlers))
    }

    /// Handles an event of `/` with a closure, which reads its arguments from the context. A reserved name, and an
    /// event that has a handler, are errors at the start.
    #[track_caller]
    pub fn on<F, Fut, T>(mut self, event: &'static str, handler: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        self.setup = self.setup.on(event, handler);
        self
    }

    /// Adds a namespace. Its middleware is inside the server's. Clients that ask for a namespace that was not added are
    /// refused. One that is added twice, is called `/`, or holds a comma or a question mark, is an error at the start.
    ///
    /// `/room/{id}` is a pattern, of all namespaces that are `/room/` and one more part; [`Params`](crate::Params) has
    /// the parts. A namespace that is added by its name comes before the patterns, and no two patterns may match the same
    /// namespace. Clients choose the names of a pattern's namespaces: such a namespace exists from its first socket to its
    /// last, and shares neither rooms nor broadcasts with the others.
    pub fn namespace(self, path: impl Into<String>, namespace: Namespace) -> Self {
        self.set_up(|setup| setup.namespace(path, namespace))
    }

    /// Calls a function with every error that leaves an onion. Without one, errors are logged.
    pub fn on_error(self, observer: impl Fn(&Error, &Context) + Send + Sync + 'static) -> Self {
        self.set_up(|setup| setup.on_error(observer))
    }

    /// Adds an observer, which is called with what happens in the server: see [`observe`](crate::observe).
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Gives an error of your own its code: instead of `internal`, the client gets what `map` makes of it.
    ///
    /// ```
    /// # #[derive(Debug)] struct NoSuchUser;
    /// # impl std::fmt::Display for NoSuchUser {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no such user") }
    /// # }
    /// # impl std::error::Error for NoSuchUser {}
    /// let io = koio::Io::new()
    ///     .map_error::<NoSuchUser>(|error| koio::Error::new("no_such_user", error.to_string()));
    /// ```
    pub fn map_error<E>(self, map: impl Fn(&E) -> Error + Send + Sync + 'static) -> Self
    where
        E: StdError + 'static,
    {
        self.set_up(|setup| setup.map_error(map))
    }

    /// All that the server will react to, as a table that prints itself.
    #[must_use]
    pub fn describe(&self) -> Table {
        self.setup.describe()
    }

    /// Changes limits; see [`Config`] for what there is.
    ///
    /// ```
    /// # use koio::Io;
    /// let io = Io::new().config(|config| config.socket.rooms = 10);
    /// ```
    #[track_caller]
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self.contradiction = match self.config.check() {
            Ok(()) => None,
            Err(_) => Some(self.contradiction.unwrap_or(Location::caller())),
        };
        self
    }

    /// Time from one heartbeat to the next ping. Default 25 s; neither zero nor more than a year. See
    /// [`EngineConfig::ping_interval`](crate::engine::EngineConfig::ping_interval).
    #[track_caller]
    pub fn ping_interval(self, time: Duration) -> Self {
        self.config(|config| config.engine.ping_interval = time)
    }

    /// Time that a client has to answer a ping. Default 20 s; neither zero nor more than a year. See
    /// [`EngineConfig::ping_timeout`](crate::engine::EngineConfig::ping_timeout).
    #[track_caller]
    pub fn ping_timeout(self, time: Duration) -> Self {
        self.config(|config| config.engine.ping_timeout = time)
    }

    /// Time that a client has to connect to a namespace. Default 10 s; not zero. See
    /// [`SocketConfig::connect_timeout`](crate::config::SocketConfig::connect_timeout).
    #[track_caller]
    pub fn connect_timeout(self, time: Duration) -> Self {
        self.config(|config| config.socket.connect_timeout = time)
    }

    /// Bytes of one message. Default 1,000,000; from 1,024 to 1 GiB. Attachments of one packet together may have as many. See
    /// [`EngineConfig::max_payload`](crate::engine::EngineConfig::max_payload).
    #[track_caller]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.config(|config| {
            config.engine.max_payload = bytes;
            config.socket.packets.attachment_bytes = bytes;
        })
    }

    /// The path that clients connect to. Default `/socket.io`, as in the official clients. It begins with a slash and
    /// has neither query nor fragment; else the start fails.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Lets pages of one more origin connect, as a browser spells it: `https://app.example.com`. By default only
    /// pages of the host that is asked may, and clients that are no browsers.
    ///
    /// An origin is scheme and host, and the port unless it is the scheme's own, with nothing behind them. Anything
    /// else would never match, and is an error at the start; so is `*`, for which there is
    /// [`allow_any_origin`](Self::allow_any_origin).
    #[track_caller]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        let given = origin.into();
        if let Err(why) = self.origins.allow(given.as_str()) {
            let location = Location::caller();
            self.invalid_origin.get_or_insert(InvalidOrigin {
                given,
                why,
                location,
            });
        }
        self
    }

    /// Lets every page on the web connect, with its visitor's cookies. Only for servers where those mean nothing.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins.allow_any();
        self
    }

    /// Serves what is not under koio's path by another service, on the same port. koa-socket's word.
    ///
    /// ```no_run
    /// # use koio::{Io, Result};
    /// # use std::convert::Infallible;
    /// # async fn run() -> Result<()> {
    /// let page = tower::service_fn(|_request: http::Request<hyper::body::Incoming>| async {
    ///     Ok::<_, Infallible>(http::Response::new("hello".to_owned()))
    /// });
    /// Io::new().attach(page).listen("127.0.0.1:3000").await
    /// # }
    /// ```
    pub fn attach<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.attached = Some(attached::boxed(service));
        self
    }

    /// A handle to emit by, from anywhere. It may be used before the start; then there are no sockets to emit to.
    #[must_use]
    pub fn handle(&self) -> IoHandle {
        IoHandle::root(Arc::clone(&self.core))
    }

    /// Checks everything and makes the engine of it.
    fn start(self) -> Result<StartedIo> {
        let Self {
            setup,
            core,
            config,
            contradiction,
            origins,
            invalid_origin,
            path,
            attached,
            observers,
        } = self;
        if let Err(limit) = config.check() {
            let location = contradiction.map(|location| format!(" ({location})"));
            let problem = format!("{limit}{}", location.unwrap_or_default());
            return Err(Error::setup(problem).because(Box::new(limit)));
        }
        if let Some(InvalidOrigin {
            given,
            why,
            location,
        }) = invalid_origin
        {
            return Err(Error::setup(format!(
                "`{given}` is no origin: {why} ({location}). A browser sends one as `https://app.example.com` or \
                 `http://localhost:5173`"
            )));
        }
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(Error::setup(format!(
                "the path `{path}` must begin with a slash and have neither query nor fragment"
            )));
        }
        let routes = setup.freeze()?;
        let clients = Clients::new(Arc::clone(&core), routes);
        core.observers.add(observers);
        let engine = Engine::observed(
            config.engine.clone(),
            Arc::new(clients),
            core.observers.clone(),
        )?;
        core.start(config.socket.clone(), &engine);
        let service = EngineService::new(engine, &path, origins);
        Ok(StartedIo {
            service,
            handle: IoHandle::root(core),
            config,
            attached,
        })
    }

    /// Checks everything and binds an address. [`Server::run`] then serves.
    ///
    /// # Errors
    /// Everything that contradicts itself, naming file and line ([`is_setup`](Error::is_setup)): two handlers of
    /// an event, a state that is missing, limits. Or the address can't be bound.
    ///
    /// # Cancel safety
    /// Dropping the future drops the set-up with it. No client has been served.
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<Server> {
        let started = self.start()?;
        let addresses: Vec<SocketAddr> = lookup_host(address).await?.collect();
        let listener = TcpListener::bind(addresses.as_slice())
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("{addresses:?}: {error}")))?;
        Server::new(
            listener,
            started.handle,
            HttpServices::new(
                started.service,
                started.attached,
                started.config.header_timeout,
            ),
            started.config.shutdown_timeout,
        )
    }

    /// Binds an address and serves until Ctrl-C, then drains; see [`Server::run_until_signal`].
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting and drains nothing; sessions that are open go on.
    pub async fn listen(self, address: impl ToSocketAddrs) -> Result<()> {
        let server = self.bind(address).await?;
        tracing::info!(address = %server.local_addr(), "listening");
        server.run_until_signal().await
    }

    /// A tower layer for another server: `Router::new().route(..).layer(io.into_layer())` in axum.
    ///
    /// That server ends by its own means: when [`shutdown_signal`](crate::shutdown_signal) comes, call
    /// [`IoHandle::shutdown`] first. What was given to
    /// [`attach`](Self::attach) is not used.
    ///
    /// # Panics
    /// If something contradicts itself, as in [`bind`](Self::bind); [`try_into_layer`](Self::try_into_layer)
    /// returns it instead. Also outside a tokio runtime, if a tower layer needs one.
    #[track_caller]
    #[must_use]
    pub fn into_layer(self) -> KoioLayer {
        match self.try_into_layer() {
            Ok(layer) => layer,
            #[allow(clippy::panic, reason = "a mistake of the program, shown at its start")]
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`into_layer`](Self::into_layer), without the panic over what contradicts itself.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// # Panics
    /// Outside a tokio runtime, if a tower layer needs one.
    pub fn try_into_layer(self) -> Result<KoioLayer> {
        Ok(KoioLayer::new(self.start()?.service))
    }

    /// A tower service that serves koio's path and answers 404 to the rest.
    ///
    /// # Panics
    /// As [`into_layer`](Self::into_layer).
    #[track_caller]
    #[must_use]
    pub fn into_service(self) -> KoioService {
        match self.try_into_service() {
            Ok(service) => service,
            #[allow(clippy::panic, reason = "a mistake of the program, shown at its start")]
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`into_service`](Self::into_service), without the panic over what contradicts itself.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// # Panics
    /// Outside a tokio runtime, if a tower layer needs one.
    pub fn try_into_service(self) -> Result<KoioService> {
        Ok(KoioService::new(self.start()?.service))
    }
}

struct StartedIo {
    service: EngineService,
    handle: IoHandle,
    config: Config,
    attached: Option<AttachedService>,
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io")
            .field("setup", &self.setup)
            .field("path", &self.path)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
