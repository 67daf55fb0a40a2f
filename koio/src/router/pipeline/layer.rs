//! tower layers around the onion.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use crate::{
    error::BoxError,
    router::{answer::Reply, context::Context},
};

use super::middleware::{Next, Onion, Running};

/// The event pipeline as a tower service, from [`Context`] to [`Reply`]: a [`layer`](crate::Io::layer) goes around it.
///
/// All sockets share it: events go into clones of it, each of which takes one at a time. So a limit in a layer is a limit for the whole server.
#[derive(Clone)]
pub struct Pipeline(InnerService);

#[derive(Clone)]
enum InnerService {
    /// The onion of each context.
    Onion,
    /// A layer, and what is inside it.
    Layer(BoxCloneSyncService<Context, Reply, BoxError>),
}

/// Puts one layer around a pipeline. It runs in `bind`, since some layers start a task.
pub(crate) type PipelineLayer = Box<dyn FnOnce(Pipeline) -> Pipeline + Send>;

impl Pipeline {
    /// The pipeline without a layer.
    pub(crate) fn innermost() -> Self {
        Self(InnerService::Onion)
    }

    /// A layer of any type.
    pub(crate) fn boxed_layer<L>(layer: L) -> PipelineLayer
    where
        L: Layer<Self> + Send + 'static,
        L::Service: Service<Context, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Context>>::Error: Into<BoxError>,
        <L::Service as Service<Context>>::Future: Send + 'static,
    {
        Box::new(move |inner| {
            let service = layer.layer(inner).map_err(Into::into);
            Self(InnerService::Layer(BoxCloneSyncService::new(service)))
        })
    }

    pub(crate) async fn run(self, ctx: Context) -> Result<Reply, BoxError> {
        self.oneshot(ctx).await
    }
}

impl Service<Context> for Pipeline {
    type Response = Reply;
    type Error = BoxError;
    type Future = PipelineFuture;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            InnerService::Onion => Poll::Ready(Ok(())),
            InnerService::Layer(layer) => layer.poll_ready(cx),
        }
    }

    fn call(&mut self, ctx: Context) -> PipelineFuture {
        PipelineFuture(match &mut self.0 {
            InnerService::Onion => Passage::Onion(onion(ctx).run()),
            InnerService::Layer(layer) => Passage::Layer(layer.call(ctx)),
        })
    }
}

/// The onion of a context, to be run for it.
fn onion(ctx: Context) -> Next {
    let onion = ctx.inside_layers().cloned();
    let onion = onion.and_then(|onion| onion.downcast::<Onion>().ok());
    onion.unwrap_or_else(Onion::missing).next(ctx)
}

/// The future of [`Pipeline`]: an event on its way through the layers.
#[must_use = "an event does not run until it is awaited"]
pub struct PipelineFuture(Passage);

enum Passage {
    Onion(Running),
    Layer(Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>),
}

impl Future for PipelineFuture {
    type Output = Result<Reply, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Passage::Onion(onion) => Pin::new(onion).poll(cx).map_err(BoxError::from),
            Passage::Layer(layer) => layer.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for PipelineFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PipelineFuture")
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipeline")
    }
}
