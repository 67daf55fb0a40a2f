//! Putting a server together.

use std::{error::Error as StdError, future::Future, panic::Location, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use serde::Serialize;
use tower::{Layer, Service};

use super::{
    Config,
    attached::{self, AttachedService},
    http_layer::HttpLayer,
};
use crate::{
    Context, Error, Namespace, Next, Reply, Result,
    adapter::Broker,
    error::BoxError,
    observe::Observer,
    router::{Answer, IntoRoutes, Pipeline, Setup, Table},
    socket::{ExpiredHook, ExpiredSession, IoHandle, Recovery, ServerCore, ServerEvent, Socket},
    transport::RequestRules,
    wire::Parser,
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
    pub(super) setup: Setup,
    pub(super) core: Arc<ServerCore<Socket>>,
    pub(super) config: Config,
    /// The call of [`config`](Self::config) after which the limits contradict each other.
    pub(super) contradiction: Option<&'static Location<'static>>,
    pub(super) rules: RequestRules,
    /// What the start says of the first text given to [`allow_origin`](Self::allow_origin) that is no origin.
    pub(super) invalid_origin: Option<String>,
    /// What the start says of the first text that is no proxy or no cookie.
    pub(super) invalid_rule: Option<String>,
    pub(super) cors_at: Option<&'static Location<'static>>,
    pub(super) path: String,
    pub(super) attached: Option<AttachedService>,
    pub(super) http_layers: Vec<HttpLayer>,
    pub(super) broker: Option<Arc<dyn Broker>>,
    pub(super) observers: Vec<Box<dyn Observer>>,
    pub(super) on_session_expired: Option<ExpiredHook>,
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
            rules: RequestRules::default(),
            invalid_origin: None,
            invalid_rule: None,
            cors_at: None,
            path: "/socket.io".to_owned(),
            attached: None,
            http_layers: Vec::new(),
            broker: None,
            observers: Vec::new(),
            on_session_expired: None,
        }
    }

    fn set_up(mut self, change: impl FnOnce(Setup) -> Setup) -> Self {
        self.setup = change(self.setup);
        self
    }

    /// Shares a value with all handlers, which take it as [`State<T>`](crate::State). An `Arc<T>` is taken as it is, and is a
    /// `State<T>` too. One for each type; a second one of a type is an error at the start.
    ///
    /// It is dropped when the server has stopped and its last session has ended. A handle ([`Io::handle`]) may be in
    /// it.
    #[track_caller]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.setup = self.setup.state(value);
        self
    }

    /// Puts a middleware around every event of every namespace, connection and disconnect included. The first is
    /// the outermost. koa's `app.use`.
    ///
    /// An error around `connection` refuses the client. Around `disconnect` it is only reported: the handlers run all the same.
    /// A middleware for events alone, a rate limit for example, looks at [`Context::event`](crate::Context::event); one for `/`
    /// alone at [`Context::namespace`](crate::Context::namespace).
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

    /// Lets `events` events of one socket overlap, in every namespace and for every handler that says nothing else
    /// (`#[on(.., concurrency = n)]`, [`Namespace::concurrency`]). Default 1: one at a time, in the order in which they
    /// came. At least 1, at most 1,024, and not more than
    /// [`event_queue`](crate::config::SocketConfig::event_queue), in which events that run count.
    ///
    /// [`Namespace::concurrency`] says how events start and end then.
    ///
    /// ```
    /// # use koio::Io;
    /// let io = Io::new().concurrency(16);
    /// ```
    #[track_caller]
    pub fn concurrency(mut self, events: usize) -> Self {
        self.setup = self.setup.concurrency(events);
        self
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

    /// Handles an event that another server of the [cluster](Self::cluster) sends by
    /// [`server_side_emit`](IoHandle::server_side_emit) for `/`: Socket.IO's `io.on("flush", ..)`. What the handler returns is the
    /// answer, if the other server waits for one: `()` is an answer without a value, anything else one with it.
    ///
    /// An event of another server has no socket and passes no middleware; [`ServerEvent`] has its
    /// arguments, the states and a handle. Handlers start in the order in which another server has sent their events, and
    /// overlap; up to [`server_events`](crate::config::SocketConfig::server_events) run at once. A
    /// [shutdown](IoHandle::shutdown) waits for them, but no longer than
    /// [`handler_grace`](crate::config::SocketConfig::handler_grace) behind its last socket. Events that come meanwhile are
    /// dropped and counted ([`server_events_dropped`](crate::observe::Counts::server_events_dropped)), and the servers that sent
    /// them do not wait for an answer of this one.
    ///
    /// An error or a panic is logged, and a server of koio's that waits gets it as the answer of this one. A server of Node
    /// that waits gets none, and learns it by its timeout. Of an event without a handler koio's learn `no_handler`, and Node's
    /// get an answer without a value at once.
    ///
    /// A second handler for an event, and the names `connect`, `connection` and `new_namespace`, are errors at the start.
    ///
    /// ```
    /// # use koio::{Io, cluster::ServerEvent};
    /// # struct Users(std::sync::Mutex<Vec<String>>);
    /// let io = Io::new()
    ///     .state(Users(Default::default()))
    ///     .on_server_side("is here", |event: ServerEvent| async move {
    ///         let name: String = event.get(0)?;
    ///         let users = event.state::<Users>()?;
    ///         let here = users.0.lock().unwrap().contains(&name);
    ///         Ok(here)
    ///     });
    /// ```
    #[track_caller]
    pub fn on_server_side<F, Fut, T>(mut self, event: &'static str, handler: F) -> Self
    where
        F: Fn(ServerEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize + Send + 'static,
    {
        self.setup = self.setup.on_server_side(event, handler);
        self
    }

    /// Adds a namespace. Its middleware is inside the server's. Clients that ask for a namespace that was not added are
    /// refused. One that is added twice, is called `/`, or holds a comma or a question mark, is an error at the start.
    ///
    /// `/room/{id}` is a pattern, of all namespaces that are `/room/` and one more part; so is `/board-{n}`, of those with one
    /// part that begins like this. A part has one parameter at most, which is never empty; [`Params`](crate::Params) has the
    /// parameters. Which of them there are is decided by a middleware around `connection`, which may wait for a look-up, or by
    /// a `Params<T>` that does not fit. A namespace that is added by its name comes before the patterns, and no two patterns may match the
    /// same namespace. Clients choose the names of a pattern's namespaces: such a namespace exists from its first
    /// socket to its last, and shares neither rooms nor broadcasts with the others.
    pub fn namespace(self, path: impl Into<String>, namespace: Namespace) -> Self {
        self.set_up(|setup| setup.namespace(path, namespace))
    }

    /// Calls a function with every error that leaves an onion. Without one, errors are logged.
    pub fn on_error(self, observer: impl Fn(&Error, &Context) + Send + Sync + 'static) -> Self {
        self.set_up(|setup| setup.on_error(observer))
    }

    /// Adds an observer, which is called with each [`Observation`](crate::observe::Observation): see
    /// [`observe`](crate::observe).
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

    /// All handlers, as a table that can be printed.
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

    /// Lets clients whose connection is lost come back as the same socket, and miss nothing: Socket.IO's connection state
    /// recovery. Off by default. See [`recovery`](crate::recovery) for what is promised, and [`Recovery`] for its limits.
    ///
    /// ```
    /// # use koio::{Io, recovery::Recovery};
    /// # use std::time::Duration;
    /// let io = Io::new().recovery(Recovery::new(Duration::from_secs(120)));
    /// ```
    #[track_caller]
    pub fn recovery(self, recovery: Recovery) -> Self {
        self.config(|config| config.socket.recovery = Some(recovery))
    }

    /// What packets look like on the wire: Socket.IO's `parser`. Default [`Parser::Json`], which every client speaks by itself.
    ///
    /// One for the server: a client with another parser is refused, with CONNECT_ERROR in its own language and a line in the
    /// log. The other nodes of a [cluster](Self::cluster) may have another.
    ///
    /// ```
    /// # use koio::{Io, config::Parser};
    /// let io = Io::new().parser(Parser::Json);
    /// ```
    #[track_caller]
    pub fn parser(self, parser: Parser) -> Self {
        self.config(|config| config.socket.parser = parser)
    }

    /// Calls a function with each session whose client has not come back, once, when its time is over; see
    /// [`recovery`](Self::recovery). Also with those that still wait when a shutdown has ended. The last function counts.
    ///
    /// The `disconnect` handlers of the socket ran when its connection was lost. The function is called in a task of the server,
    /// and must not block; a panic is caught and logged.
    ///
    /// ```
    /// # use koio::{Io, recovery::Recovery};
    /// # use std::time::Duration;
    /// let io = Io::new();
    /// let handle = io.handle();
    /// let io = io
    ///     .recovery(Recovery::new(Duration::from_secs(120)))
    ///     .on_session_expired(move |session| {
    ///         for room in session.rooms() {
    ///             let _ = handle.to(room).emit("left", session.id());
    ///         }
    ///     });
    /// ```
    pub fn on_session_expired(
        mut self,
        call: impl Fn(ExpiredSession) + Send + Sync + 'static,
    ) -> Self {
        self.on_session_expired = Some(Arc::new(call));
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

    /// Bytes of one message. Default 1,000,000; from 1,024 to 1 GiB. The attachments of one packet together may have as
    /// many. A larger message ends the session before a handler sees it, so a limit that is answered is one of the program's own,
    /// below this. See
    /// [`EngineConfig::max_payload`](crate::engine::EngineConfig::max_payload).
    #[track_caller]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.config(|config| config.engine.max_payload = bytes)
    }

    /// The path that clients connect to. Default `/socket.io`, as in the official clients. It begins with a slash and
    /// has neither query nor fragment; else the start fails.
    ///
    /// `/` takes every request. That is right for a service that another router mounts and cuts the path off, as axum's
    /// `nest_service` does; anywhere else the start warns of it.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Lets pages of one more origin connect, as a browser spells it: `https://app.example.com`. By default only
    /// pages of the requested host may connect, and clients that are no browsers. Apps and devices have origins of their
    /// own shape, such as `capacitor://localhost`, `tauri://localhost` and `file://`.
    ///
    /// `null` stands for every page without an origin of its own: from a file, from an app's WebView, or from a sandboxed
    /// frame, which any site can make. So it lets in as many as [`allow_any_origin`](Self::allow_any_origin), and like
    /// that one is only for servers where cookies mean nothing.
    ///
    /// An origin is scheme and host, and the port unless it is the scheme's own, with nothing behind them. Anything
    /// else would never match, and is an error at the start; so is `*`, for which there is
    /// [`allow_any_origin`](Self::allow_any_origin).
    #[track_caller]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        let given = origin.into();
        if let Err(why) = self.rules.origins.allow(given.as_str()) {
            let location = Location::caller();
            self.invalid_origin.get_or_insert_with(|| {
                format!(
                    "`{given}` is no origin: {why} ({location}). A browser sends one as `https://app.example.com` or \
                     `http://localhost:5173`"
                )
            });
        }
        self
    }

    /// Lets every page on the web connect, with its visitor's cookies. Only for servers where those mean nothing.
    pub fn allow_any_origin(mut self) -> Self {
        self.rules.origins.allow_any();
        self
    }

    /// Serves what is not under koio's path by another service, on the same port. Named as in koa-socket.
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

    /// Makes the server one of several: its emits reach the sockets of all servers that join the same broker. See
    /// [`cluster`](crate::cluster).
    ///
    /// It joins when it starts, and leaves when it has shut down. [`into_layer`](Self::into_layer) and
    /// [`into_service`](Self::into_service) then fail outside a tokio runtime.
    pub fn cluster(mut self, broker: impl Broker) -> Self {
        self.broker = Some(Arc::new(broker));
        self
    }

    /// A handle to emit by, from anywhere. It may be used before the start; then there are no sockets to emit to.
    #[must_use]
    pub fn handle(&self) -> IoHandle {
        IoHandle::root(Arc::clone(&self.core))
    }
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
