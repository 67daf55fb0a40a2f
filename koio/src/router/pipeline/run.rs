//! An event on its way through its onion, and its answer.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use pin_project_lite::pin_project;

use crate::router::{
    Arguments, Context, Reply, catch_unwind::guard_call, pipeline::event_table::Line,
    pipeline::middleware::Boxed,
};
use crate::{Result, wire::Event};

/// What the session's task runs for an event. When it is done it can be made that of the next event on the same line,
/// and for that one nothing need be allocated.
pub(crate) trait Handling: Future<Output = ()> + Send {
    fn ctx(&self) -> &Context;
    /// Takes the next event.
    fn renew(self: Pin<&mut Self>, event: Event);
    /// Lets go of the event that is over.
    fn forget(self: Pin<&mut Self>);
}

/// The onion has unwound, or need not.
fn end(ctx: &Context, result: Result<Reply>) {
    if let Ok(reply) = &result
        && reply.is_sent()
    {
        return;
    }
    let result = result.map_err(|error| ctx.mapped(error));
    if ctx.answer_state().is_broken() {
        return;
    }
    if let Err(error) = &result {
        ctx.report(error);
    }
    ctx.end_with(result);
}

pin_project! {
    /// A handler with nothing around it: its future has its place here, whatever its type.
    pub(crate) struct Direct<F, Fut> {
        ctx: Context,
        handler: Arc<F>,
        #[pin]
        future: Option<Fut>,
    }
}

impl<F, Fut> Direct<F, Fut> {
    pub(crate) fn new(ctx: Context, handler: Arc<F>) -> Self {
        Self {
            ctx,
            handler,
            future: None,
        }
    }
}

impl<F, Fut> Future for Direct<F, Fut>
where
    F: Fn(Arguments) -> Fut,
    Fut: Future<Output = Result<Reply>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        // One guard for the handler and for the code of its answer, which is written here.
        let polled = guard_call(|| {
            if this.future.is_none() {
                let arguments = Arguments::new(this.ctx);
                this.future.set(Some((this.handler)(arguments)));
            }
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                return Poll::Pending;
            };
            let result = match future.poll(cx) {
                Poll::Pending => return Poll::Pending,
                // Most have answered by now, and are not moved to be looked at.
                Poll::Ready(Ok(ref reply)) if reply.is_sent() => None,
                Poll::Ready(result) => Some(result),
            };
            this.future.set(None);
            if let Some(result) = result {
                end(this.ctx, result);
            }
            Poll::Ready(())
        });
        polled.unwrap_or_else(|panic| {
            // What it held may panic as well; that it panicked is known already.
            let _ = guard_call(|| this.future.set(None));
            end(this.ctx, Err(panic));
            Poll::Ready(())
        })
    }
}

impl<F, Fut> Handling for Direct<F, Fut>
where
    F: Fn(Arguments) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Reply>> + Send,
{
    fn ctx(&self) -> &Context {
        &self.ctx
    }

    fn renew(self: Pin<&mut Self>, event: Event) {
        self.project().ctx.renew(event, None);
    }

    fn forget(self: Pin<&mut Self>) {
        self.project().ctx.forget();
    }
}

/// Everything else: a chain of boxed futures.
pub(crate) struct Onion {
    ctx: Context,
    /// From the first poll on.
    running: Option<Boxed>,
}

impl Onion {
    pub(crate) fn new(ctx: Context) -> Self {
        Self { ctx, running: None }
    }

    fn advance(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let ctx = &self.ctx;
        let mut running = self.running.take().unwrap_or_else(|| ctx.line().enter(ctx));
        match running.as_mut().poll(cx) {
            Poll::Pending => {
                self.running = Some(running);
                Poll::Pending
            }
            Poll::Ready(result) => {
                drop(running);
                end(ctx, result);
                Poll::Ready(())
            }
        }
    }
}

impl Future for Onion {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        guard_call(|| self.advance(cx)).unwrap_or_else(|panic| {
            end(&self.ctx, Err(panic));
            Poll::Ready(())
        })
    }
}

impl Handling for Onion {
    fn ctx(&self) -> &Context {
        &self.ctx
    }

    fn renew(mut self: Pin<&mut Self>, event: Event) {
        self.ctx.renew(event, None);
    }

    fn forget(mut self: Pin<&mut Self>) {
        self.ctx.forget();
    }
}

impl Line {
    /// What runs for an event on this line.
    pub(crate) fn handling(&self, ctx: Context) -> Pin<Box<dyn Handling>> {
        match &*self.handlers {
            [only] if self.direct => Arc::clone(&only.run).direct(ctx),
            _ => Box::pin(Onion::new(ctx)),
        }
    }
}
