//! How the session's task runs an event: a handler alone, or an onion of boxed futures.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tower::Service;

use super::{
    layer::{Pipeline, PipelineFuture},
    middleware::{BoxReply, Endpoint, Onion},
};
use crate::{
    Error, Result,
    router::{answer::Reply, catch_unwind::guard_call, context::Context, extract::call::Call},
};

/// An event that runs. When it has finished, it can be restarted with another event for the same handlers, which then
/// allocates nothing (`counts_allocations`).
pub(crate) trait EventRun: Future<Output = ()> + Send {
    fn ctx(&self) -> &Context;
    fn ctx_mut(self: Pin<&mut Self>) -> &mut Context;
}

/// A handler of any type: what a [`Route`](super::Route) is made of.
pub(crate) trait HandlerFn: Endpoint {
    /// Runs it with nothing around it.
    fn run_direct(self: Arc<Self>, ctx: Context) -> Pin<Box<dyn EventRun>>;
}

impl<F, Fut> Endpoint for F
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply>> + Send + 'static,
{
    /// Middleware sees a panic of the handler as an error, and an error with the code that `map_error` gave it.
    fn call(&self, ctx: Context) -> BoxReply {
        let call = Call::in_onion(ctx.clone());
        match guard_call(|| self(call)) {
            Ok(future) => Box::pin(HandlerInOnion { ctx, future }),
            Err(panic) => Box::pin(ready(Err(ctx.mapped(panic)))),
        }
    }
}

pin_project! {
    /// A handler at the centre of an onion.
    struct HandlerInOnion<Fut> {
        ctx: Context,
        #[pin]
        future: Fut,
    }
}

impl<Fut: Future<Output = Result<Reply>>> Future for HandlerInOnion<Fut> {
    type Output = Result<Reply>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<Reply>> {
        let this = self.project();
        let polled = guard_call(|| this.future.poll(cx));
        let polled = polled.unwrap_or_else(|panic| Poll::Ready(Err(panic)));
        polled.map_err(|error| this.ctx.mapped(error))
    }
}

impl<F, Fut> HandlerFn for F
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply>> + Send + 'static,
{
    fn run_direct(self: Arc<Self>, ctx: Context) -> Pin<Box<dyn EventRun>> {
        Box::pin(DirectRun {
            ctx,
            handler: self,
            future: None,
        })
    }
}

/// A handler that is dropped after a time. `#[on(.., timeout = "5s")]`.
pub(crate) struct TimedHandler {
    pub(crate) handler: Arc<dyn HandlerFn>,
    pub(crate) timeout: Duration,
}

impl Endpoint for TimedHandler {
    fn call(&self, ctx: Context) -> BoxReply {
        let (running, timeout) = (self.handler.call(ctx), self.timeout);
        Box::pin(async move {
            tokio::time::timeout(timeout, running)
                .await
                .unwrap_or_else(|_| {
                    Err(Error::timeout(format!(
                        "the handler took longer than {timeout:?}"
                    )))
                })
        })
    }
}

/// The onion has unwound: its result is reported and answered.
pub(super) fn finish(ctx: &Context, result: Result<Reply>) {
    if let Ok(reply) = &result
        && reply.is_sent()
    {
        return;
    }
    let result = result.map_err(|error| ctx.mapped(error));
    if ctx.own_answer_state().is_broken_off() {
        return;
    }
    if let Err(error) = &result {
        ctx.report(error);
    }
    ctx.end_with(result);
}

pin_project! {
    /// A handler with nothing around it. Its future is a field of this struct and not boxed by itself.
    struct DirectRun<F, Fut> {
        ctx: Context,
        handler: Arc<F>,
        #[pin]
        future: Option<Fut>,
    }
}

impl<F, Fut> Future for DirectRun<F, Fut>
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<Reply>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        // One guard for the handler and for the `Serialize` of its answer, which is written here.
        let polled = guard_call(|| {
            if this.future.is_none() {
                let call = Call::direct(this.ctx.clone());
                this.future.set(Some((this.handler)(call)));
            }
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                return Poll::Pending;
            };
            let result = match future.poll(cx) {
                Poll::Pending => return Poll::Pending,
                // Matched by reference: a reply that is sent already is not moved.
                Poll::Ready(Ok(ref reply)) if reply.is_sent() => None,
                Poll::Ready(result) => Some(result),
            };
            this.future.set(None);
            if let Some(result) = result {
                finish(this.ctx, result);
            }
            Poll::Ready(())
        });
        polled.unwrap_or_else(|panic| {
            // The future's values may panic as well when they are dropped; the first panic is the one to report.
            let _ = guard_call(|| this.future.set(None));
            finish(this.ctx, Err(panic));
            Poll::Ready(())
        })
    }
}

impl<F, Fut> EventRun for DirectRun<F, Fut>
where
    F: Fn(Call) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Reply>> + Send,
{
    fn ctx(&self) -> &Context {
        &self.ctx
    }

    fn ctx_mut(self: Pin<&mut Self>) -> &mut Context {
        self.project().ctx
    }
}

/// The tower layers, if there are any, and the onion inside them.
#[derive(Clone)]
pub(crate) struct LayeredOnion {
    pub(crate) layers: Option<Arc<Pipeline>>,
    pub(crate) onion: Arc<Onion>,
}

impl LayeredOnion {
    pub(crate) fn start(&self, ctx: Context) -> BoxReply {
        let Some(layers) = &self.layers else {
            return self.onion.start(ctx);
        };
        let pipeline = Pipeline::clone(layers);
        Box::pin(async move { pipeline.run(ctx).await.map_err(Error::from_boxed) })
    }
}

/// An event that runs through an onion.
pub(crate) struct OnionRun {
    ctx: Context,
    onion: LayeredOnion,
    /// This run's clone of the tower layers, for the events that it is restarted with: a clone allocates for each layer.
    /// It is called once each time that it is ready, so nothing is reserved in it between two events.
    layers: Option<Pipeline>,
    running: Option<RunningOnion>,
}

/// From the time on at which the layers are ready.
enum RunningOnion {
    Bare(BoxReply),
    Layered(PipelineFuture),
}

impl OnionRun {
    pub(crate) fn new(ctx: Context, onion: LayeredOnion) -> Self {
        Self {
            ctx,
            onion,
            layers: None,
            running: None,
        }
    }

    fn advance(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => match self.start(cx) {
                Poll::Ready(Ok(running)) => running,
                Poll::Ready(Err(error)) => {
                    finish(&self.ctx, Err(error));
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            },
        };
        let polled = match &mut running {
            RunningOnion::Bare(onion) => onion.as_mut().poll(cx),
            RunningOnion::Layered(layers) => Pin::new(layers).poll(cx).map_err(Error::from_boxed),
        };
        let Poll::Ready(result) = polled else {
            self.running = Some(running);
            return Poll::Pending;
        };
        drop(running);
        finish(&self.ctx, result);
        Poll::Ready(())
    }

    fn start(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<RunningOnion>> {
        let ctx = self.ctx.clone();
        let Some(shared) = &self.onion.layers else {
            return Poll::Ready(Ok(RunningOnion::Bare(self.onion.onion.start(ctx))));
        };
        // Taken out while it is used: one that has failed or panicked is not used again.
        let mut layers = match self.layers.take() {
            Some(layers) => layers,
            None => Pipeline::clone(shared),
        };
        let polled = layers.poll_ready(cx);
        Poll::Ready(Ok(match polled {
            Poll::Ready(Ok(())) => {
                let running = layers.call(ctx);
                self.layers = Some(layers);
                RunningOnion::Layered(running)
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::from_boxed(error))),
            Poll::Pending => {
                self.layers = Some(layers);
                return Poll::Pending;
            }
        }))
    }
}

impl Future for OnionRun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        guard_call(|| self.advance(cx)).unwrap_or_else(|panic| {
            finish(&self.ctx, Err(panic));
            Poll::Ready(())
        })
    }
}

impl EventRun for OnionRun {
    fn ctx(&self) -> &Context {
        &self.ctx
    }

    fn ctx_mut(self: Pin<&mut Self>) -> &mut Context {
        &mut self.get_mut().ctx
    }
}
