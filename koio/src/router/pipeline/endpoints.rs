//! The centre of an onion where it is not just one handler: several, none, and those of the life cycle.

use std::sync::Arc;

use super::middleware::{BoxMiddleware, BoxReply, Endpoint, Onion};
use crate::{
    Error, Result,
    router::{answer::Reply, catch_unwind::guard, context::Context, extract::Args},
};

/// Reports the error of a handler that does not answer.
pub(crate) fn report(ctx: &Context, result: Result<Reply>) {
    if let Err(error) = result {
        ctx.report(&ctx.mapped(error));
    }
}

/// An event without a handler.
pub(crate) struct NoHandler;

impl Endpoint for NoHandler {
    fn call(&self, ctx: Context) -> BoxReply {
        Box::pin(async move {
            Args::new(ctx.clone()).validate()?;
            ctx.namespace_context()
                .elsewhere
                .hint(ctx.event(), ctx.namespace());
            Err(Error::no_handler(ctx.event()))
        })
    }
}

/// An event with several handlers, each in the onion of its own middleware. The result of the first is the answer,
/// which is sent when the others have run too.
pub(crate) struct SeveralHandlers(pub(crate) Arc<[Arc<Onion>]>);

impl Endpoint for SeveralHandlers {
    fn call(&self, ctx: Context) -> BoxReply {
        let handlers = Arc::clone(&self.0);
        Box::pin(async move {
            let Some((first, others)) = handlers.split_first() else {
                return Ok(Reply::none());
            };
            // The handlers do not depend on each other: the others run also if the first fails.
            let reply = guard(first.next(ctx.clone()).run()).await;
            run_others(&ctx, others).await;
            reply
        })
    }
}

/// Runs handlers that do not answer, in order.
pub(crate) async fn run_others(ctx: &Context, others: &[Arc<Onion>]) {
    for handler in others {
        report(ctx, guard(handler.next(ctx.clone()).run()).await);
    }
}

/// The connection handlers. CONNECT is answered just before the first one runs, in
/// [`Call::finish`](crate::router::extract::call::Call::finish), or here if there is none.
#[derive(Clone)]
pub(crate) struct ConnectionHandlers(pub(crate) Arc<[Arc<Onion>]>);

impl ConnectionHandlers {
    /// These handlers, and others behind them.
    pub(crate) fn followed_by(&self, others: Vec<Arc<Onion>>) -> Self {
        Self(self.0.iter().cloned().chain(others).collect())
    }
}

impl Endpoint for ConnectionHandlers {
    fn call(&self, ctx: Context) -> BoxReply {
        let handlers = Arc::clone(&self.0);
        Box::pin(async move {
            let Some((first, others)) = handlers.split_first() else {
                ctx.accept()?;
                return Ok(Reply::none());
            };
            let reply = guard(first.next(ctx.clone()).run()).await?;
            if ctx.is_accepted() {
                run_others(&ctx, others).await;
            }
            Ok(reply)
        })
    }
}

/// The disconnect handlers. Each runs, also if a middleware around it does not run `next`.
#[derive(Clone)]
pub(crate) struct DisconnectHandlers(Arc<[DisconnectHandler]>);

struct DisconnectHandler {
    /// The handler in its own middleware.
    onion: Arc<Onion>,
    handler: Arc<dyn Endpoint>,
}

/// A disconnect handler that notes in the context that it has started.
struct StartNoted {
    index: usize,
    handler: Arc<dyn Endpoint>,
}

impl Endpoint for StartNoted {
    fn call(&self, ctx: Context) -> BoxReply {
        ctx.start_handler(self.index);
        self.handler.call(ctx)
    }
}

impl DisconnectHandlers {
    /// The handlers, each with the middleware that is around it alone.
    pub(crate) fn new(
        handlers: impl Iterator<Item = (Arc<dyn Endpoint>, Vec<BoxMiddleware>)>,
    ) -> Self {
        let noted = handlers.enumerate().map(|(index, (handler, middleware))| {
            let handler: Arc<dyn Endpoint> = Arc::new(StartNoted { index, handler });
            DisconnectHandler {
                onion: Onion::new(middleware, Arc::clone(&handler)),
                handler,
            }
        });
        Self(noted.collect())
    }

    /// Runs the handlers that have not started, because a middleware did not run `next` or dropped it.
    pub(crate) async fn run_unstarted(&self, ctx: &Context) {
        while let Some(unstarted) = self.0.get(ctx.started_handlers()) {
            report(ctx, guard(unstarted.handler.call(ctx.clone())).await);
        }
    }
}

impl Endpoint for DisconnectHandlers {
    fn call(&self, ctx: Context) -> BoxReply {
        let handlers = Arc::clone(&self.0);
        Box::pin(async move {
            let mut first = Ok(Reply::none());
            for (index, DisconnectHandler { onion, handler }) in handlers.iter().enumerate() {
                let mut result = guard(onion.next(ctx.clone()).run()).await;
                if ctx.started_handlers() <= index {
                    report(&ctx, result);
                    result = handler.call(ctx.clone()).await;
                }
                if index == 0 {
                    first = result;
                } else {
                    report(&ctx, result);
                }
            }
            first
        })
    }
}
