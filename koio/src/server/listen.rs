//! koio's own HTTP/1.1 server.

use std::{future::poll_fn, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::Service;
use tracing::{info, warn};

use super::{
    Config,
    attached::boxed,
    by_hyper::{HttpServices, by_hyper, ended},
    no_delay::NoDelay,
    signal::signalled,
};
use crate::{
    Result,
    error::BoxError,
    socket::{Drained, IoHandle},
    transport::{HandshakeRate, Http1Connection, Http1Outcome, HttpStream, StopSignal, Tcp},
};

/// A server that is bound to its address and not yet running. See [`Io::bind`](crate::Io::bind).
#[derive(Debug)]
#[must_use = "a server accepts no connection until `run` is awaited"]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    handle: IoHandle,
    services: HttpServices,
    shutdown_timeout: Duration,
}

impl Server {
    pub(super) fn new(
        listener: TcpListener,
        handle: IoHandle,
        services: HttpServices,
        shutdown_timeout: Duration,
    ) -> Result<Self> {
        Ok(Self {
            local_addr: listener.local_addr()?,
            listener,
            handle,
            services,
            shutdown_timeout,
        })
    }

    /// The address it is bound to: with port 0, the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// A handle to emit by, and to shut the server down.
    #[must_use]
    pub fn handle(&self) -> IoHandle {
        self.handle.clone()
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
            listener,
            handle,
            services,
            ..
        } = self;
        accept_all(listener, services, handle.stopped()).await;
        // A program ends when this returns, and its connections with it.
        handle.connections_ended().await;
        Ok(())
    }

    /// Serves until Ctrl-C (or SIGTERM), then drains: new clients are refused, and the connected ones get what is
    /// queued, within [`Config::shutdown_timeout`](crate::config::Config::shutdown_timeout). A second Ctrl-C ends it at
    /// once.
    ///
    /// # Errors
    /// As [`run`](Self::run); and if signals can't be waited for.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run): nothing is drained then.
    pub async fn run_until_signal(self) -> Result<()> {
        let handle = self.handle();
        let deadline = self.shutdown_timeout;
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

/// Serves a tower service over HTTP/1.1, upgrades included, until the future is dropped: for an
/// [`EngineService`](crate::transport::EngineService), or a [`KoioService`](super::KoioService) with something of yours inside.
///
/// Requests carry the [`PeerAddr`](crate::engine::PeerAddr) of their connection. The head of a request may take 10 s, the next request 75 s, and a
/// client that takes nothing of an answer has 60 s.
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
    accept_all(listener, services, never.subscribe()).await;
}

async fn accept_all(listener: TcpListener, services: HttpServices, stopped: watch::Receiver<bool>) {
    let services = Arc::new(services);
    let mut no_delay = NoDelay::of(&listener);
    let mut ends = stopped.clone();
    let mut ended = pin!(ended(&mut ends));
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut ended => return,
            accepted = accept(&listener) => accepted,
        };
        no_delay.apply(&stream);
        serve_connection(stream, peer, &services, &stopped);
    }
}

/// The next connection. An error concerns one peer, or passes: without a free file descriptor the loop must neither end
/// nor spin.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = Duration::from_millis(5);
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_peer(&error) => {}
            Err(error) => {
                warn!(%error, ?pause, "can't accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn is_about_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Spawns the task of a connection. The task is an `async` block, since an `async fn` would store its arguments twice,
/// and it boxes hyper's future, which most connections never need: so the task fits into 512 bytes.
fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    services: &Arc<HttpServices>,
    stopped: &watch::Receiver<bool>,
) {
    let services = Arc::clone(services);
    let mut stopped = stopped.clone();
    let Some(engine) = services.engine() else {
        let tcp = Tcp::from(stream);
        let connection = services.connection(&tcp, peer, HandshakeRate::default());
        let stream = HttpStream::new(Bytes::new(), tcp, connection);
        tokio::spawn(by_hyper(stream, services, stopped));
        return;
    };
    let stops = StopSignal::new(stopped.clone());
    let timeouts = services.timeouts();
    let mut connection = Http1Connection::new(stream, peer, Arc::clone(engine), timeouts, stops);
    tokio::spawn(async move {
        let end = {
            let stopped = pin!(ended(&mut stopped));
            connection.try_serve(stopped).await
        };
        let (peer, handshakes) = (connection.peer(), connection.handshakes());
        if let Http1Outcome::GiveToHyper { unread, tcp } = connection.finish(end) {
            let connection = services.connection(&tcp, peer, handshakes);
            let stream = HttpStream::new(unread, tcp, connection);
            Box::pin(by_hyper(stream, services, stopped)).await;
        }
    });
}
