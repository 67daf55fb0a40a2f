//! Connections that hyper serves: the services behind them, and what koio adds to each request.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONNECTION};
use http_body::{Frame, SizeHint};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tower::{Service, ServiceExt};
use tracing::{debug, field};

use super::{
    attached::{AttachedBody, AttachedError, AttachedService},
    http_layer::{HttpBody, HttpPipeline},
};
use crate::{
    engine::PeerAddr,
    transport::{
        AnyStream, Body, EngineService, HandshakeRate, HttpConnection, HttpStream, HttpTimeouts,
        MAX_HEAD, Responding, ServedRequest,
    },
};

/// The most that hyper reads of a head that is not complete. More than [`MAX_HEAD`], by the white space that may stand
/// around values: hyper compares after a read, so where it stops depends on how the bytes were cut.
const READ_BUFFER: usize = MAX_HEAD + 4 * 1024;

/// The services that answer the requests of all connections.
#[derive(Debug)]
pub(super) struct HttpServices {
    engine: Option<Arc<EngineService>>,
    /// koio's requests go through them.
    layered: Option<HttpPipeline>,
    attached: Option<AttachedService>,
    timeouts: HttpTimeouts,
}

impl HttpServices {
    /// koio, and the attached service for what is not under koio's path.
    pub(super) fn new(
        engine: EngineService,
        layered: Option<HttpPipeline>,
        attached: Option<AttachedService>,
        timeouts: HttpTimeouts,
    ) -> Self {
        Self {
            engine: Some(Arc::new(engine)),
            layered,
            attached,
            timeouts,
        }
    }

    /// A service alone.
    pub(super) fn attached(service: AttachedService, timeouts: HttpTimeouts) -> Self {
        Self {
            engine: None,
            layered: None,
            attached: Some(service),
            timeouts,
        }
    }

    /// The engine, if its requests may take the short way past hyper: nothing else has a say in each of them.
    pub(super) fn engine_alone(&self) -> Option<&Arc<EngineService>> {
        let engine = self.engine.as_ref()?;
        (self.layered.is_none() && !engine.concerns_each_request()).then_some(engine)
    }

    pub(super) fn timeouts(&self) -> HttpTimeouts {
        self.timeouts
    }

    /// A connection has ended before its TLS handshake had.
    #[cfg(feature = "tls")]
    pub(super) fn tls_failed(&self, peer: Option<SocketAddr>, failure: &super::tls::TlsFailure) {
        if let Some(service) = &self.engine {
            let cause = &failure.to_string();
            let observers = service.engine.observers();
            observers.notify(&crate::observe::Observation::TlsFailed { peer, cause });
        }
    }

    /// A connection for hyper, which has made these handshakes.
    pub(super) fn connection(
        &self,
        stream: &AnyStream,
        peer: Option<SocketAddr>,
        is_secure: bool,
        handshakes: HandshakeRate,
    ) -> Arc<HttpConnection> {
        let engine = self.engine.as_ref();
        let observers = engine.map(|service| service.engine.observers().clone());
        Arc::new(HttpConnection::new(
            stream,
            (peer, is_secure),
            self.timeouts,
            observers,
            handshakes,
        ))
    }

    /// Starts to answer a request in this call where possible: if the connection ends right behind the request, hyper
    /// drops the future without polling it.
    ///
    /// koio's own requests are not boxed.
    fn call(
        &self,
        mut request: Request<Incoming>,
        connection: &Arc<HttpConnection>,
    ) -> HttpResponding {
        let engine = self.engine.as_ref();
        let engine = engine.filter(|engine| engine.claims(request.uri()));
        let served = connection.begin(engine.is_none());
        let is_connect = request.method() == Method::CONNECT;
        let head = head_length(&request);
        let response = if head > MAX_HEAD {
            if let Some(engine) = &self.engine {
                engine.refuse_head(&request, connection.peer, (head, MAX_HEAD));
            }
            HttpAnswer::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        } else if let (Some(_), Some(layered)) = (engine, &self.layered) {
            tell_peer(&mut request, connection);
            HttpAnswer::Layered(Box::pin(layered.respond(request, Some(connection))))
        } else if let Some(engine) = engine {
            HttpAnswer::Koio(engine.respond_on(request, connection))
        } else if let Some(attached) = &self.attached {
            tell_peer(&mut request, connection);
            let mut attached = attached.clone();
            let ready = attached.poll_ready(&mut Context::from_waker(Waker::noop()));
            HttpAnswer::Attached(match ready {
                Poll::Ready(Ok(())) => attached.call(request),
                Poll::Ready(Err(_)) | Poll::Pending => Box::pin(attached.oneshot(request)),
            })
        } else {
            HttpAnswer::Refused(StatusCode::NOT_FOUND)
        };
        HttpResponding {
            response,
            served: Some(served),
            is_connect,
        }
    }
}

/// Tells another's code where a request came from.
fn tell_peer(request: &mut Request<Incoming>, connection: &HttpConnection) {
    if let Some(peer) = connection.peer {
        request.extensions_mut().insert(PeerAddr(peer));
    }
}

/// The length of a head without the white space around values, so that it does not depend on how it was written.
fn head_length<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let target = uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    // An absolute target.
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + 3);
    let authority = uri
        .authority()
        .map_or(0, |authority| authority.as_str().len());
    let line = request.method().as_str().len() + scheme + authority + target;
    line + headers_length(request.headers())
}

fn headers_length(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

/// The future of a response.
struct HttpResponding {
    response: HttpAnswer,
    served: Option<ServedRequest>,
    is_connect: bool,
}

enum HttpAnswer {
    Koio(Responding),
    /// koio's, through layers.
    Layered(Pin<Box<dyn Future<Output = Response<HttpBody>> + Send>>),
    Attached(Pin<Box<dyn Future<Output = Result<Response<AttachedBody>, AttachedError>> + Send>>),
    /// Without a body.
    Refused(StatusCode),
}

impl Future for HttpResponding {
    type Output = Result<Response<ServedBody>, AttachedError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match &mut self.response {
            HttpAnswer::Koio(koio) => ready!(Pin::new(koio).poll(cx)).map(Either::Left),
            HttpAnswer::Layered(layered) => {
                ready!(layered.as_mut().poll(cx)).map(|body| Either::Right(body.into_boxed()))
            }
            HttpAnswer::Attached(attached) => {
                ready!(attached.as_mut().poll(cx))?.map(Either::Right)
            }
            HttpAnswer::Refused(status) => {
                let mut response = Response::new(Either::Left(Body::empty()));
                *response.status_mut() = *status;
                if *status != StatusCode::NOT_FOUND {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                response
            }
        };
        let served = self.served.take();
        let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS
            || (self.is_connect && response.status().is_success());
        if let Some(served) = served.as_ref().filter(|_| upgrades) {
            served.upgrades();
        }
        Poll::Ready(Ok(response.map(|body| ServedBody { body, served })))
    }
}

pin_project! {
    /// The body of a response. While it exists, its connection waits for no request.
    struct ServedBody {
        #[pin]
        body: Either<Body, AttachedBody>,
        served: Option<ServedRequest>,
    }
}

impl http_body::Body for ServedBody {
    type Data = Bytes;
    type Error = <Either<Body, AttachedBody> as http_body::Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Waits for the end of a shutdown. `Receiver::wait_for` does the same, but its future is larger, and every
/// connection's task holds one.
pub(super) async fn ended(stopped: &mut watch::Receiver<bool>) {
    while !*stopped.borrow_and_update() {
        // An error means that every handle was dropped: the server can't be shut down any more.
        if stopped.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Serves a connection by hyper.
pub(super) async fn by_hyper(
    stream: HttpStream,
    services: Arc<HttpServices>,
    mut stopped: watch::Receiver<bool>,
) {
    let connection = Arc::clone(stream.connection());
    let service = service_fn(|request| services.call(request, &connection));
    let served = http1::Builder::new()
        // The stream has the deadlines.
        .header_read_timeout(None)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        () = ended(&mut stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    connection.last_session.connection_ended();
    let peer = connection.peer;
    if let Err(error) = result {
        if error.is_parse_too_large() {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            connection.refuse_unread(
                status,
                format_args!(
                    "the head of a request has more than {MAX_HEAD} bytes, or more than 100 headers"
                ),
            );
        } else if error.is_parse() {
            let status = StatusCode::BAD_REQUEST;
            connection.refuse_unread(status, format_args!("this is no HTTP/1.1: {error}"));
        }
        debug!(peer = peer.map(field::display), %error, "http connection ended");
    }
}
