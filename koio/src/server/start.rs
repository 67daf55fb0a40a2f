//! Starting a server: all checks, then the engine, then a listener or a service for another server.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use tokio::net::ToSocketAddrs;

use super::{
    Config, HttpPipeline, Io, KoioLayer, KoioService, Listener, Server, attached::AttachedService,
    by_hyper::HttpServices, listener::bind_tcp,
};
use crate::{
    Error, Result,
    adapter::Broker,
    engine::Engine,
    socket::{Clients, IoHandle, ServerDispatch},
    transport::EngineService,
};
#[cfg(feature = "testing")]
use {super::attached::boxed, tower::Layer as _};

impl Io {
    /// Checks everything, makes the engine of it, and joins the cluster.
    fn start(self) -> Result<StartedIo> {
        let started = self.start_alone()?;
        started.join()?;
        Ok(started)
    }

    /// Waits for the broker too.
    async fn start_connected(self) -> Result<StartedIo> {
        let started = self.start_alone()?;
        if let Some(broker) = &started.broker {
            broker.connect().await?;
            started.join()?;
            broker.connect().await?;
        }
        Ok(started)
    }

    /// Connects to the broker of the [cluster](Self::cluster), for a server that another one serves: its start
    /// ([`into_layer`](Self::into_layer), [`into_service`](Self::into_service), [`serve`](Self::serve)) can't wait, and connects in the
    /// background. [`bind`](Self::bind) and [`listen`](Self::listen) do it themselves. Without effect if the server is in no cluster.
    ///
    /// ```no_run
    /// # use koio::{Io, Result, cluster::Memory};
    /// # async fn run() -> Result<()> {
    /// let layer = Io::new().cluster(Memory::new()).connect_cluster().await?.into_layer();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The broker can't be reached; the error names it.
    ///
    /// # Cancel safety
    /// Dropping the future drops the set-up with it.
    pub async fn connect_cluster(self) -> Result<Self> {
        if let Some(broker) = &self.broker {
            broker.check()?;
            broker.connect().await?;
        }
        Ok(self)
    }

    /// Checks everything and makes the engine of it.
    fn start_alone(self) -> Result<StartedIo> {
        let Self {
            setup,
            core,
            mut config,
            contradiction,
            mut rules,
            invalid_origin,
            invalid_rule,
            cors_at,
            path,
            attached,
            http_layers,
            broker,
            observers,
            on_session_expired,
        } = self;
        if let Err(limit) = config.check() {
            let location = contradiction.map(|location| format!(" ({location})"));
            let problem = format!("{limit}{}", location.unwrap_or_default());
            return Err(Error::setup(problem).because(Box::new(limit)));
        }
        let max_payload = config.engine.max_payload;
        config
            .socket
            .packets
            .attachment_bytes
            .get_or_insert(max_payload);
        if let Some(problem) = invalid_origin.or(invalid_rule) {
            return Err(Error::setup(problem));
        }
        if let Err(why) = rules.check_cors() {
            let location = cors_at.map_or_else(String::new, |at| format!(" ({at})"));
            return Err(Error::setup(format!(
                "`cors` contradicts itself: {why}{location}"
            )));
        }
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(Error::setup(format!(
                "the path `{path}` must begin with a slash and have neither query nor fragment"
            )));
        }
        if let Some(problem) = rules.misplaced_event_source(&path) {
            return Err(Error::setup(problem));
        }
        if let Some(broker) = &broker {
            broker.check()?;
        }
        let events = setup.freeze(&config.socket)?;
        core.declare(events.declared());
        let dispatch: Arc<dyn ServerDispatch> = Arc::clone(&events) as _;
        let dispatch = Arc::downgrade(&dispatch);
        let clients = Clients::new(Arc::clone(&core), events, on_session_expired);
        core.local.observers.add(observers);
        let engine = Engine::observed(
            config.engine.clone(),
            Arc::new(clients),
            core.local.observers.clone(),
        )?;
        core.start(config.socket.clone(), &engine);
        let handle = IoHandle::root(core);
        rules.allow_request_within(config.allow_request_timeout);
        let service = EngineService::with_rules(engine, &path, rules);
        let layered = HttpPipeline::around(&service, http_layers);
        Ok(StartedIo {
            service,
            layered,
            handle,
            config,
            attached,
            broker,
            dispatch,
        })
    }

    /// Warns if koio's path leaves no request to the attached service, or to the one inside a [`KoioLayer`]. A [`KoioService`]
    /// that stands alone may well get every request.
    fn warn_of_root(&self) {
        if self.path.trim_end_matches('/').is_empty() {
            tracing::warn!(
                "the path `/` takes every request: what is attached to koio, or inside its layer, is never asked. It is for \
                 a service that another router mounts (`into_service`)"
            );
        }
    }

    /// Checks everything and binds an address. [`Server::run`] then serves.
    ///
    /// # Errors
    /// The set-up contradicts itself ([`is_setup`](Error::is_setup)), with file and line: two handlers of an event, a
    /// missing state, limits. Or the address can't be bound. In a [cluster](Self::cluster) also: its broker can't be reached.
    ///
    /// # Cancel safety
    /// Dropping the future drops the set-up with it. No client has been served.
    pub async fn bind(self, address: impl ToSocketAddrs + fmt::Debug) -> Result<Server> {
        self.warn_of_root();
        let started = self.start_connected().await?;
        let listener = bind_tcp(address).await?;
        started.serve(listener)
    }

    /// Checks everything and takes a listener that is bound: a TCP or Unix socket of tokio or std, or one with TLS
    /// (`server::Tls`, feature `tls`). [`Server::run`] then serves, and [`Server::and`] adds more listeners.
    ///
    /// ```no_run
    /// # use koio::{Io, Result};
    /// # #[cfg(unix)]
    /// # async fn run(io: Io) -> Result<()> {
    /// // Behind nginx: `proxy_pass http://unix:/run/chat.sock;`
    /// let listener = tokio::net::UnixListener::bind("/run/chat.sock")?;
    /// io.serve(listener)?.run_until_signal().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Self::bind), or if this is called outside a tokio runtime.
    pub fn serve<L: Listener>(self, listener: L) -> Result<Server<L::Addr>> {
        self.start()?.serve(listener)
    }

    /// Binds an address and serves until Ctrl-C, then drains; see [`Server::run_until_signal`].
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting and drains nothing; sessions that are open go on.
    pub async fn listen(self, address: impl ToSocketAddrs + fmt::Debug) -> Result<()> {
        self.bind(address).await?.run_until_signal().await
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
        self.warn_of_root();
        let started = self.start()?;
        Ok(KoioLayer::new(started.service, started.layered))
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
        let started = self.start()?;
        Ok(KoioService::new(started.service, started.layered))
    }

    /// Checks everything, and makes one service of koio and of the attached service, for a server without a network. Returns
    /// the path too.
    #[cfg(feature = "testing")]
    pub(crate) fn start_for_tests(self) -> Result<(IoHandle, String, AttachedService)> {
        let path = self.path.clone();
        let StartedIo {
            service,
            layered,
            handle,
            attached,
            ..
        } = self.start()?;
        let service = match attached {
            Some(attached) => boxed(KoioLayer::new(service, layered).layer(attached)),
            None => boxed(KoioService::new(service, layered)),
        };
        Ok((handle, path, service))
    }
}

struct StartedIo {
    service: EngineService,
    layered: Option<HttpPipeline>,
    handle: IoHandle,
    config: Config,
    attached: Option<AttachedService>,
    broker: Option<Arc<dyn Broker>>,
    /// The handlers of other servers' events. The service keeps them.
    dispatch: Weak<dyn ServerDispatch>,
}

impl StartedIo {
    fn join(&self) -> Result<()> {
        match &self.broker {
            Some(broker) => self
                .handle
                .join_cluster(Arc::clone(broker), Weak::clone(&self.dispatch)),
            None => Ok(()),
        }
    }

    fn serve<L: Listener>(self, listener: L) -> Result<Server<L::Addr>> {
        let timeouts = self.config.http_timeouts();
        let services = HttpServices::new(self.service, self.layered, self.attached, timeouts);
        Server::new(
            listener,
            self.handle,
            services,
            self.config.shutdown_timeout,
        )
    }
}
