//! koio's own HTTP/1.1 server.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{net::TcpListener, sync::watch};
use tower::Service;
use tracing::info;

use super::{
    Config,
    accept::accept_all,
    attached::boxed,
    by_hyper::HttpServices,
    listener::{ListenSocket, Listener, sealed::OpenListener},
    signal::signalled,
};
use crate::{
    Error, Result,
    error::BoxError,
    socket::{Drained, IoHandle},
};

/// A server that is bound to its addresses and not yet running. See [`Io::bind`](crate::Io::bind) and
/// [`Io::serve`](crate::Io::serve).
///
/// `A` is the kind of its address: a TCP one, unless `serve` was given a Unix socket.
#[derive(Debug)]
#[must_use = "a server accepts no connection until `run` is awaited"]
pub struct Server<A = SocketAddr> {
    listeners: Vec<OpenListener>,
    local_addr: A,
    handle: IoHandle,
    services: HttpServices,
    shutdown_timeout: Duration,
}

impl<A> Server<A> {
    pub(super) fn new<L: Listener<Addr = A>>(
        listener: L,
        handle: IoHandle,
        services: HttpServices,
        shutdown_timeout: Duration,
    ) -> Result<Self> {
        let local_addr = listener.local_addr()?;
        Ok(Self {
            listeners: vec![opened(listener)?],
            local_addr,
            handle,
            services,
            shutdown_timeout,
        })
    }

    /// Serves one more listener. Connections of all listeners are clients of one server: they share its limits, and it
    /// drains all of them together.
    ///
    /// ```no_run
    /// # use koio::{Io, Result};
    /// # #[cfg(unix)]
    /// # async fn run(io: Io) -> Result<()> {
    /// let nginx = tokio::net::UnixListener::bind("/run/chat.sock")?;
    /// io.bind("127.0.0.1:3000").await?.and(nginx)?.run_until_signal().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// The operating system's, or if this is called outside a tokio runtime.
    pub fn and(mut self, listener: impl Listener) -> Result<Self> {
        self.listeners.push(opened(listener)?);
        Ok(self)
    }

    /// A handle to emit by, and to shut the server down.
    #[must_use]
    pub fn handle(&self) -> IoHandle {
        self.handle.clone()
    }

    /// The address it is bound to, of its first listener: with port 0, the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> A
    where
        A: Clone,
    {
        self.local_addr.clone()
    }

    /// Serves until [`IoHandle::shutdown`] has ended, and the HTTP requests that are under way then are answered, within
    /// the deadline of the shutdown.
    ///
    /// # Errors
    /// None: a connection that can't be accepted is tried again.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting; sessions that are open go on.
    pub async fn run(self) -> Result<()> {
        let Self {
            listeners,
            handle,
            services,
            ..
        } = self;
        accept_all(listeners, services, handle.stopped()).await;
        // A program ends when this returns, and its connections with it.
        handle.connections_ended().await;
        Ok(())
    }

    /// Serves until Ctrl-C (or SIGTERM), then drains: new clients are refused, and the connected ones get what is
    /// queued, within [`Config::shutdown_timeout`](crate::config::Config::shutdown_timeout). A second Ctrl-C ends it at
    /// once.
    ///
    /// It begins with a line for each listener, `listening on http://127.0.0.1:3000`: in the log at level info, or on the
    /// standard error if the program has no `tracing` subscriber.
    ///
    /// # Errors
    /// As [`run`](Self::run); and if signals can't be waited for.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run): nothing is drained then.
    pub async fn run_until_signal(self) -> Result<()> {
        let handle = self.handle();
        let deadline = self.shutdown_timeout;
        for listener in &self.listeners {
            announce(&listener.url());
        }
        let running = self.run();
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => return ended,
            signal = signalled() => signal?,
        }
        info!("draining; once more to stop at once");
        tokio::select! {
            _ = async { tokio::join!(handle.shutdown(deadline), &mut running) } => {}
            _ = signalled() => {
                let _: Drained = handle.shutdown(Duration::ZERO).await;
            }
        }
        Ok(())
    }
}

/// Says where clients reach the server. A first program that shows nothing looks as if it did not run.
fn announce(url: &str) {
    info!(address = url, "listening");
    if !tracing::dispatcher::has_been_set() {
        // It fails if the standard error is closed, and the server runs all the same.
        let _ = writeln!(io::stderr(), "listening on {url}");
    }
}

fn opened(listener: impl Listener) -> Result<OpenListener> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Error::setup(
            "a listener can be served only within a tokio runtime".to_owned(),
        ));
    }
    Ok(listener.open()?)
}

/// Serves a tower service over HTTP/1.1, upgrades included, until the future is dropped: for an
/// [`EngineService`](crate::transport::EngineService), or a [`KoioService`](super::KoioService) with something of yours inside.
///
/// Requests carry the [`PeerAddr`](crate::engine::PeerAddr) of their connection. The head of a request may take 10 s, the
/// next request 75 s, and a client that takes nothing of an answer has 60 s.
pub async fn serve<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let never = watch::Sender::new(false);
    let services = HttpServices::attached(boxed(service), Config::default().http_timeouts());
    let listener = OpenListener::new(ListenSocket::Tcp(listener), String::new());
    accept_all(vec![listener], services, never.subscribe()).await;
}
