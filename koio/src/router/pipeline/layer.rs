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

/// The event pipeline as a tower service, from [`Context`] to [`Reply`]: a [`layer`](crate::Io::layer) goes around it.
///
/// All sockets share it: events go into clones of it, each of which takes one at a time. So a limit in a layer is a limit for the whole server.
#[derive(Clone)]
pub struct Pipeline(BoxCloneSyncService<Context, Reply, BoxError>);

/// Puts one layer around a pipeline. It runs in `bind`, since some layers start a task.
pub(crate) type PipelineLayer = Box<dyn FnOnce(Pipeline) -> Pipeline + Send>;

impl Pipeline {
    /// A service as a pipeline: the innermost one, or one with a layer around it.
    pub(crate) fn new<S>(service: S) -> Self
    where
        S: Service<Context, Response = Reply> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service.map_err(Into::into)))
    }

    /// A layer of any type.
    pub(crate) fn boxed_layer<L>(layer: L) -> PipelineLayer
    where
        L: Layer<Self> + Send + 'static,
        L::Service: Service<Context, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Context>>::Error: Into<BoxError>,
        <L::Service as Service<Context>>::Future: Send + 'static,
    {
        Box::new(move |inner| Self::new(layer.layer(inner)))
    }

    pub(crate) async fn run(self, ctx: Context) -> Result<Reply, BoxError> {
        self.0.oneshot(ctx).await
    }
}

impl Service<Context> for Pipeline {
    type Response = Reply;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, ctx: Context) -> Self::Future {
        self.0.call(ctx)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipeline")
    }
}
