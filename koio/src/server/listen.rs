//! koio's own HTTP/1.1 server.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::{Service, ServiceExt};
use tracing::{debug, info, warn};

use super::{
    Config,
    attached::{AttachedBody, AttachedError, AttachedService, boxed},
    no_delay::NoDelay,
    signal::signalled,
};
use crate::{
    Result,
    engine::PeerAddr,
    error::BoxError,
    socket::{Drained, IoHandle},
    transport::{
        Body, EngineService, Http1Connection, Http1Outcome, HttpStream, LastSession, Responding,
        StopSignal,
    },
};

/// The size of hyper's read buffer, and so the longest head of a request (431 above it). Cookies and
/// tokens fit; bodies are not bound by it.
const MAX_HEAD: usize = 64 * 1024;

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

/// The services that answer the requests of all connections.
#[derive(Debug)]
pub(super) struct HttpServices {
    engine: Option<Arc<EngineService>>,
    attached: Option<AttachedService>,
    header_timeout: Duration,
}

impl HttpServices {
    /// koio, and the attached service for what is not under koio's path.
    pub(super) fn new(
        engine: EngineService,
        attached: Option<AttachedService>,
        header_timeout: Duration,
    ) -> Self {
        Self {
            engine: Some(Arc::new(engine)),
            attached,
            header_timeout,
        }
    }

    /// Starts to answer a request in this call where possible: if the connection ends right behind the request, hyper
    /// drops the future without polling it.
    ///
    /// koio's own requests are not boxed.
    fn call(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        last: &LastSession,
    ) -> HttpResponding {
        if let Some(engine) = &self.engine
            && engine.is_mine(request.uri().path())
        {
            request.extensions_mut().insert(last.clone());
            return HttpResponding::Koio(engine.respond_to(request, Some(peer)));
        }
        let Some(attached) = &self.attached else {
            return HttpResponding::NotFound;
        };
        request.extensions_mut().insert(PeerAddr(peer));
        let mut attached = attached.clone();
        let ready = attached.poll_ready(&mut Context::from_waker(Waker::noop()));
        HttpResponding::Attached(match ready {
            Poll::Ready(Ok(())) => attached.call(request),
            Poll::Ready(Err(_)) | Poll::Pending => Box::pin(attached.oneshot(request)),
        })
    }
}

/// The future of a response.
enum HttpResponding {
    Koio(Responding),
    Attached(Pin<Box<dyn Future<Output = Result<Response<AttachedBody>, AttachedError>> + Send>>),
    NotFound,
}

impl Future for HttpResponding {
    type Output = Result<Response<Either<Body, AttachedBody>>, AttachedError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match &mut *self {
            Self::Koio(koio) => ready!(Pin::new(koio).poll(cx)).map(Either::Left),
            Self::Attached(attached) => ready!(attached.as_mut().poll(cx))?.map(Either::Right),
            Self::NotFound => {
                let mut response = Response::new(Either::Left(Body::empty()));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }))
    }
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
    /// None today: a connection that can't be accepted is tried again.
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

/// Waits for the end of a shutdown. `Receiver::wait_for` does the same, but its future is larger, and every
/// connection's task holds one.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    while !*stopped.borrow_and_update() {
        // An error means that every handle was dropped: the server can't be shut down any more.
        if stopped.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Serves a tower service over HTTP/1.1, upgrades included, until the future is dropped: for an
/// [`EngineService`], or a [`KoioService`](super::KoioService) with something of yours inside.
///
/// Requests carry the [`PeerAddr`] of their connection. The head of a request may take 10 s.
pub async fn serve<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let never = watch::Sender::new(false);
    let services = HttpServices {
        engine: None,
        attached: Some(boxed(service)),
        header_timeout: Config::default().header_timeout,
    };
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
    let Some(engine) = &services.engine else {
        let stream = HttpStream::new(Bytes::new(), stream.into());
        tokio::spawn(by_hyper(stream, peer, services, stopped));
        return;
    };
    let stops = StopSignal::new(stopped.clone());
    let timeout = services.header_timeout;
    let mut connection = Http1Connection::new(stream, peer, Arc::clone(engine), timeout, stops);
    tokio::spawn(async move {
        let end = {
            let stopped = pin!(ended(&mut stopped));
            connection.try_serve(stopped).await
        };
        let peer = connection.peer();
        if let Http1Outcome::GiveToHyper(stream) = connection.finish(end) {
            Box::pin(by_hyper(stream, peer, services, stopped)).await;
        }
    });
}

/// Serves a connection by hyper.
async fn by_hyper(
    stream: HttpStream,
    peer: SocketAddr,
    services: Arc<HttpServices>,
    mut stopped: watch::Receiver<bool>,
) {
    let header_timeout = services.header_timeout;
    let last = LastSession::default();
    let service = service_fn(|request| services.call(request, peer, &last));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = ended(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    last.connection_ended();
    if let Err(error) = result {
        debug!(%peer, %error, "http connection ended");
    }
}
