//! The onion: middleware around middleware around the handler.
//!
//! An [`Onion`] is a list of middleware and what is at its centre, an [`Endpoint`]. [`Next`] is a place in it.

use std::{
    any::type_name,
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use crate::{
    Error, Result,
    router::{answer::Reply, context::Context},
};

/// The future of a middleware or a handler of any type.
pub(crate) type BoxReply = Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

/// What `wrap` takes: every `async fn(Context, Next) -> Result<Reply>`, and every closure of that kind.
///
/// The trait is there to be named. A middleware with settings is a function that returns one:
///
/// ```
/// use koio::{Context, Next, ensure, middleware::Middleware};
///
/// fn at_most(rooms: usize) -> impl Middleware {
///     move |ctx: Context, next: Next| async move {
///         ensure!(ctx.socket().rooms().len() <= rooms, "too_many_rooms", "leave one first");
///         next.run().await
///     }
/// }
///
/// #[koio::on("join", wrap = [at_most(8)])]
/// async fn join(ctx: Context, room: String) -> koio::Result<()> {
///     ctx.socket().join(room)
/// }
///
/// let io = koio::Io::new().wrap(at_most(100));
/// ```
pub trait Middleware:
    Runs + Fn(Context, Next) -> <Self as Runs>::Run + Send + Sync + 'static
{
}

impl<F> Middleware for F where
    F: Runs + Fn(Context, Next) -> <F as Runs>::Run + Send + Sync + 'static
{
}

/// The type of a middleware's future. It needs a trait of its own: the bound of [`Middleware`] can't name it otherwise.
mod runs {
    use super::{Context, Future, Next, Reply, Result};

    pub trait Runs {
        type Run: Future<Output = Result<Reply>> + Send + 'static;
    }

    impl<F, Fut> Runs for F
    where
        F: Fn(Context, Next) -> Fut,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        type Run = Fut;
    }
}

use runs::Runs;

/// A [`Middleware`] of any type, so that several can be kept in a list for [`compose`]. `wrap` takes a function itself
/// and needs none of this.
#[derive(Clone)]
pub struct BoxMiddleware {
    name: &'static str,
    run: Arc<dyn Fn(Context, Next) -> BoxReply + Send + Sync>,
}

/// The path of a function; of a closure, that of the function which it is written in.
pub(super) fn function_name<F>() -> &'static str {
    let name = type_name::<F>();
    name.split("::{{closure}}").next().unwrap_or(name)
}

impl BoxMiddleware {
    /// Boxes a middleware.
    pub fn new<F, Fut>(middleware: F) -> Self
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        Self {
            name: function_name::<F>(),
            run: Arc::new(move |ctx, next| Box::pin(middleware(ctx, next))),
        }
    }

    /// The path of the function; of a closure, that of the function which it is written in: `at_least` for `at_least(2)`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for BoxMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxMiddleware({})", self.name)
    }
}

/// An onion: everything that runs for an event, from the outside in.
pub(crate) struct Onion {
    /// The first is the outermost.
    pub(crate) middleware: Arc<[BoxMiddleware]>,
    /// How many of them, the innermost, are those of the handler alone.
    pub(super) own: usize,
    pub(crate) centre: Centre,
}

/// What is at the centre of an onion.
pub(crate) enum Centre {
    /// The handlers of the event.
    Endpoint(Arc<dyn Endpoint>),
    /// The inside of a composed middleware: the onion that it is a part of, from index `at` on.
    Composed { around: Arc<Onion>, at: usize },
}

/// The centre of an onion: one handler, several, or none.
pub(crate) trait Endpoint: Send + Sync {
    fn call(&self, ctx: Context) -> BoxReply;

    /// Whether it runs the handlers of the event that a context names, and not those of one event.
    fn goes_by_name(&self) -> bool {
        false
    }
}

impl Onion {
    pub(crate) fn new(
        middleware: impl Into<Arc<[BoxMiddleware]>>,
        endpoint: Arc<dyn Endpoint>,
    ) -> Arc<Self> {
        Self::of_handler(middleware, 0, endpoint)
    }

    /// The onion of a handler: the last `own` middlewares are around it alone.
    pub(super) fn of_handler(
        middleware: impl Into<Arc<[BoxMiddleware]>>,
        own: usize,
        endpoint: Arc<dyn Endpoint>,
    ) -> Arc<Self> {
        Arc::new(Self {
            middleware: middleware.into(),
            own,
            centre: Centre::Endpoint(endpoint),
        })
    }

    /// For a context that has no onion for the layers to run: it is of another server.
    pub(crate) fn missing() -> Arc<Self> {
        struct Missing;
        impl Endpoint for Missing {
            fn call(&self, _: Context) -> BoxReply {
                Box::pin(ready(Err(Error::internal(
                    "the context is of another server",
                ))))
            }
        }
        Self::new([], Arc::new(Missing))
    }

    /// Runs the whole onion for a context. As `self.next(ctx).start()`, without a reference of its own to the onion.
    pub(crate) fn start(self: &Arc<Self>, ctx: Context) -> BoxReply {
        let Some(outermost) = self.middleware.first() else {
            return self.next(ctx).start();
        };
        let inside = Next {
            ctx: ctx.clone(),
            onion: Arc::clone(self),
            at: 1,
        };
        (outermost.run)(ctx, inside)
    }

    /// The whole onion, to be run for one context.
    pub(crate) fn next(self: &Arc<Self>, ctx: Context) -> Next {
        self.inside(ctx, 0)
    }

    /// What is inside the first `at` middlewares.
    pub(crate) fn inside(self: &Arc<Self>, ctx: Context, at: usize) -> Next {
        Next {
            ctx,
            onion: Arc::clone(self),
            at,
        }
    }
}

/// What is inside a middleware: the middleware after it, and the handler at the centre.
///
/// It can be run once only, since [`run`](Self::run) consumes it; koa finds out at run time. A middleware that
/// does not run it answers the event in the handler's place.
#[must_use = "a middleware that drops `next` answers the event itself: the handler does not run"]
pub struct Next {
    pub(super) ctx: Context,
    pub(super) onion: Arc<Onion>,
    /// The index of the middleware that runs next; the centre is behind the last.
    pub(super) at: usize,
}

impl Next {
    /// Runs what is inside, and gives its answer. koa's `await next()`.
    pub fn run(self) -> Running {
        Running(RunningState::Waiting(self))
    }

    /// Starts what is inside.
    pub(crate) fn start(self) -> BoxReply {
        let Self { ctx, onion, at } = self;
        if let Some(middleware) = onion.middleware.get(at) {
            let inside = Self {
                ctx: ctx.clone(),
                onion: Arc::clone(&onion),
                at: at.saturating_add(1),
            };
            return (middleware.run)(ctx, inside);
        }
        match &onion.centre {
            Centre::Endpoint(endpoint) => endpoint.call(ctx),
            Centre::Composed { around, at } => {
                let (onion, at) = (Arc::clone(around), *at);
                Self { ctx, onion, at }.start()
            }
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("event", &self.ctx.event())
            .finish_non_exhaustive()
    }
}

/// The future of [`Next::run`]: the inside of the middleware.
///
/// Dropping it before it has finished drops the middleware and the handler that run inside. That is what a
/// timeout does; nothing else should.
#[must_use = "nothing inside runs until it is awaited: write `next.run().await`"]
pub struct Running(RunningState);

enum RunningState {
    Waiting(Next),
    /// With the context, if errors have to be mapped.
    Polled(BoxReply, Option<Context>),
    Finished,
}

impl Future for Running {
    type Output = Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let (mut future, mapping) = match std::mem::replace(&mut self.0, RunningState::Finished) {
            RunningState::Waiting(next) => {
                let has_maps = next.ctx.namespace_context().errors.has_maps();
                let mapping = has_maps.then(|| next.ctx.clone());
                (next.start(), mapping)
            }
            RunningState::Polled(future, mapping) => (future, mapping),
            RunningState::Finished => {
                return Poll::Ready(Err(Error::internal(
                    "`next` was polled after it had finished",
                )));
            }
        };
        match future.as_mut().poll(cx) {
            Poll::Pending => {
                self.0 = RunningState::Polled(future, mapping);
                Poll::Pending
            }
            // The middleware around it sees the code that `map_error` gives, whichever layer inside has failed.
            Poll::Ready(Err(error)) if let Some(ctx) = &mapping => {
                Poll::Ready(Err(ctx.mapped(error)))
            }
            Poll::Ready(result) => Poll::Ready(result),
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

/// Makes one middleware of several, the first outermost: koa-compose.
///
/// ```
/// use koio::{Context, Io, Next, Reply, Result, middleware::{BoxMiddleware, compose}};
///
/// async fn first(_: Context, next: Next) -> Result<Reply> { next.run().await }
/// async fn second(_: Context, next: Next) -> Result<Reply> { next.run().await }
///
/// let both = compose([BoxMiddleware::new(first), BoxMiddleware::new(second)]);
/// let io = Io::new().wrap(both);
/// ```
pub fn compose(middleware: impl IntoIterator<Item = BoxMiddleware>) -> impl Middleware + Clone {
    let middleware: Arc<[BoxMiddleware]> = middleware.into_iter().collect();
    move |_, next: Next| {
        let Next { ctx, onion, at } = next;
        let composed = Onion {
            middleware: Arc::clone(&middleware),
            own: 0,
            centre: Centre::Composed { around: onion, at },
        };
        Arc::new(composed).next(ctx).run()
    }
}
