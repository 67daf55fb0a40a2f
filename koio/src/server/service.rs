//! koio as a tower layer and service, inside another server.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::Either;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{HttpBody, HttpPipeline};
use crate::{
    error::BoxError,
    transport::{Body, EngineService},
};

/// Puts koio in front of another service: requests under its path go to koio, the rest to the service.
///
/// Made by [`Io::into_layer`](crate::Io::into_layer).
#[derive(Clone, Debug)]
pub struct KoioLayer {
    engine: EngineService,
    layered: Option<HttpPipeline>,
}

impl KoioLayer {
    pub(super) fn new(engine: EngineService, layered: Option<HttpPipeline>) -> Self {
        Self { engine, layered }
    }
}

impl<S> Layer<S> for KoioLayer {
    type Service = KoioService<S>;

    fn layer(&self, inner: S) -> KoioService<S> {
        KoioService {
            engine: self.engine.clone(),
            layered: self.layered.clone(),
            inner,
        }
    }
}

/// A tower service: requests under koio's path go to koio, the rest to the service inside.
#[derive(Clone, Debug)]
pub struct KoioService<S = NotFound> {
    engine: EngineService,
    layered: Option<HttpPipeline>,
    inner: S,
}

impl KoioService<NotFound> {
    pub(super) fn new(engine: EngineService, layered: Option<HttpPipeline>) -> Self {
        Self {
            engine,
            layered,
            inner: NotFound,
        }
    }
}

/// The future of a [`KoioService`].
pub type ResponseFuture<B, E> =
    Pin<Box<dyn Future<Output = Result<Response<KoioBody<B>>, E>> + Send>>;

pin_project! {
    /// The body of a [`KoioService`]'s response: koio's own, or that of the service inside.
    #[derive(Debug)]
    pub struct KoioBody<B> {
        #[pin]
        body: Either<Body, Either<HttpBody, B>>,
    }
}

impl<B> KoioBody<B> {
    fn koio(body: Body) -> Self {
        let body = Either::Left(body);
        Self { body }
    }

    fn layered(body: HttpBody) -> Self {
        let body = Either::Right(Either::Left(body));
        Self { body }
    }

    fn inner(body: B) -> Self {
        let body = Either::Right(Either::Right(body));
        Self { body }
    }
}

impl<B> http_body::Body for KoioBody<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<S, B, R> Service<Request<B>> for KoioService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes>,
{
    type Response = Response<KoioBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.engine.claims(request.uri()) {
            if let Some(layered) = &self.layered {
                let response = layered.respond(request, None);
                return Box::pin(async move { Ok(response.await.map(KoioBody::layered)) });
            }
            let response = self.engine.respond(request);
            return Box::pin(async move { Ok(response.await.map(KoioBody::koio)) });
        }
        let response = self.inner.call(request);
        Box::pin(async move { Ok(response.await?.map(KoioBody::inner)) })
    }
}

/// Answers 404 to everything: the service inside a [`KoioService`] that stands alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotFound;

impl<B> Service<Request<B>> for NotFound {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        std::future::ready(Ok(response))
    }
}
