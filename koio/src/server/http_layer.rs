//! [`HttpPipeline`]: koio's HTTP with tower layers around it, and the bodies that pass them.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use pin_project_lite::pin_project;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tracing::{debug, warn};

use super::attached::{AttachedBody, AttachedError};
use crate::{
    Error,
    error::BoxError,
    transport::{EngineService, HttpConnection},
};

/// One layer, applied at the start.
pub(super) type HttpLayer = Box<dyn FnOnce(HttpPipeline) -> HttpPipeline + Send>;

/// The answer to a request of koio's HTTP.
type HttpFuture = Pin<Box<dyn Future<Output = Result<Response<HttpBody>, BoxError>> + Send>>;

/// koio's HTTP, and the layers inside this one: what a layer given to [`Io::http_layer`](crate::Io::http_layer) wraps.
#[derive(Clone)]
pub struct HttpPipeline(BoxCloneSyncService<Request<RequestBody>, Response<HttpBody>, BoxError>);

impl HttpPipeline {
    /// The layers around this engine, the first of them outermost; `None` without any.
    pub(super) fn around(engine: &EngineService, layers: Vec<HttpLayer>) -> Option<Self> {
        if layers.is_empty() {
            return None;
        }
        let centre = Self(BoxCloneSyncService::new(LayeredEngine(engine.clone())));
        let layers = layers.into_iter().rev();
        Some(layers.fold(centre, |inner, layer| layer(inner)))
    }

    pub(super) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_response(|response: Response<B>| response.map(HttpBody::of_layer))
            .map_err(Into::into);
        Self(BoxCloneSyncService::new(service))
    }

    /// Serves a request, and begins in this call where possible: see
    /// [`EngineService::respond`](crate::transport::EngineService::respond).
    pub(super) fn respond<B>(
        &self,
        request: Request<B>,
        connection: Option<&Arc<HttpConnection>>,
    ) -> impl Future<Output = Response<HttpBody>> + Send + use<B>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let mut request = request.map(RequestBody::new);
        if let Some(connection) = connection {
            let connection = OwnConnection(Arc::clone(connection));
            request.extensions_mut().insert(connection);
        }
        let mut service = self.0.clone();
        let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
        let response: HttpFuture = match ready {
            Poll::Ready(Ok(())) => service.call(request),
            Poll::Ready(Err(error)) => Box::pin(std::future::ready(Err(error))),
            Poll::Pending => Box::pin(service.oneshot(request)),
        };
        async move { response.await.unwrap_or_else(failed) }
    }
}

/// The answer where a layer has none.
fn failed(error: BoxError) -> Response<HttpBody> {
    let error = Error::from_boxed(error);
    let status = if error.is_timeout() || error.is_overloaded() {
        debug!(target: "koio::transport", %error, "a request was refused by an HTTP layer");
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        warn!(target: "koio::transport", %error, "an HTTP layer has failed");
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let mut response = Response::new(HttpBody::default());
    *response.status_mut() = status;
    response
}

impl Service<Request<RequestBody>> for HttpPipeline {
    type Response = Response<HttpBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        self.0.call(request)
    }
}

impl fmt::Debug for HttpPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpPipeline").finish_non_exhaustive()
    }
}

/// The connection of koio's own listener that a request came by, in its extensions.
#[derive(Clone)]
struct OwnConnection(Arc<HttpConnection>);

/// What is inside all layers.
#[derive(Clone)]
struct LayeredEngine(EngineService);

impl Service<Request<RequestBody>> for LayeredEngine {
    type Response = Response<HttpBody>;
    type Error = BoxError;
    type Future = HttpFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> HttpFuture {
        // A layer that makes new extensions loses it: then the request is served as inside another server.
        let connection = request.extensions_mut().remove::<OwnConnection>();
        let responding = match connection {
            Some(OwnConnection(connection)) => self.0.respond_on(request, &connection),
            None => self.0.respond(request),
        };
        Box::pin(async move { Ok(responding.await.map(HttpBody::of_koio)) })
    }
}

/// The body of a request, as [`HttpPipeline`] takes it.
pub struct RequestBody(UnsyncBoxBody<Bytes, BoxError>);

impl RequestBody {
    /// From the body of any server.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(UnsyncBoxBody::new(ToBytes { body }))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

pin_project! {
    /// A body whose data is [`Bytes`]. `MapFrame` of http-body-util forgets the length.
    struct ToBytes<B> {
        #[pin]
        body: B,
    }
}

impl<B> http_body::Body for ToBytes<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map(|frame| {
            frame.map(|frame| match frame {
                // Nothing is copied where they are `Bytes`.
                Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
                Err(error) => Err(error.into()),
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer that has passed layers.
#[derive(Debug, Default)]
pub struct HttpBody(AttachedBody);

impl HttpBody {
    fn of_koio(body: crate::transport::Body) -> Self {
        Self(body.map_err(|never| match never {}).boxed_unsync())
    }

    fn of_layer<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let body = body.map_err(|error| AttachedError::layer(error.into()));
        Self(body.boxed_unsync())
    }

    pub(super) fn into_boxed(self) -> AttachedBody {
        self.0
    }
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
