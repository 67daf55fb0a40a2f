//! The onion: middleware around middleware around the handler.

use std::{
    any::type_name,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use crate::router::{Context, Reply};
use crate::{Error, Result};

/// What a middleware or a handler runs as, once its type is forgotten.
pub(crate) type Boxed = Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

/// What `wrap` takes: every `async fn(Context, Next) -> Result<Reply>`, and every closure of that kind.
///
/// Its use is to be named. A middleware with settings is a function that returns one:
///
/// ```
/// use koio::{ensure, Context, Middleware, Next};
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

/// The type of the future, which a trait can't name and have as its own function's result at once.
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

/// A [`Middleware`] whose type is forgotten, so that several can be kept in a list: see [`compose`], which makes one
/// that `wrap` takes of them. `wrap` takes a function itself and needs none of this.
#[derive(Clone)]
pub struct BoxMiddleware {
    name: &'static str,
    run: Arc<dyn Fn(Context, Next) -> Boxed + Send + Sync>,
}

impl BoxMiddleware {
    /// Forgets the type of a middleware.
    pub fn new<F, Fut>(middleware: F) -> Self
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        Self {
            name: type_name::<F>(),
            run: Arc::new(move |ctx, next| Box::pin(middleware(ctx, next))),
        }
    }

    /// The path of the function.
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

/// The rest of the onion: everything inside the middleware that was given it, the handler at its centre.
///
/// It can be run once only, since [`run`](Self::run) consumes it; koa finds out at run time. A middleware that
/// does not run it answers the event in the handler's place.
#[must_use = "a middleware that drops `next` answers the event itself: the handler does not run"]
pub struct Next {
    ctx: Context,
    place: Place,
}

/// Where in the onion a [`Next`] stands.
enum Place {
    /// Before the middleware with this number, of those around all handlers of the event.
    Around(usize),
    /// Before the middleware with the second number, of those around the handler with the first.
    Handler(usize, usize),
    /// Inside a composition, with what comes after it.
    Composed(Arc<[BoxMiddleware]>, usize, Box<Place>),
}

impl Next {
    /// The whole onion of an event.
    pub(crate) fn first(ctx: Context) -> Self {
        Self {
            ctx,
            place: Place::Around(0),
        }
    }

    /// One handler with the middleware of its own.
    pub(crate) fn handler(ctx: Context, handler: usize) -> Self {
        Self {
            ctx,
            place: Place::Handler(handler, 0),
        }
    }

    /// Runs what is inside, and gives its answer. koa's `await next()`.
    pub fn run(self) -> Running {
        Running(Stage::Waiting(self))
    }
}

impl Place {
    /// Enters the next ring.
    fn enter(self, ctx: &Context) -> Boxed {
        let line = ctx.line();
        match self {
            Self::Around(at) => match line.around.get(at) {
                Some(middleware) => middleware.enter(ctx, Self::Around(at.saturating_add(1))),
                None => line.centre(ctx),
            },
            Self::Handler(handler, at) => {
                let wraps = line.handlers.get(handler).map(|handler| &*handler.wraps);
                match wraps.and_then(|wraps| wraps.get(at)) {
                    Some(middleware) => {
                        middleware.enter(ctx, Self::Handler(handler, at.saturating_add(1)))
                    }
                    None => line.invoke(ctx, handler),
                }
            }
            Self::Composed(list, at, then) => match list.get(at).cloned() {
                Some(middleware) => {
                    middleware.enter(ctx, Self::Composed(list, at.saturating_add(1), then))
                }
                None => then.enter(ctx),
            },
        }
    }
}

/// The onion of an event, entered. Its parts take the context as they need it: none of them is given a reference to
/// count.
pub(crate) fn enter(ctx: &Context) -> Boxed {
    Place::Around(0).enter(ctx)
}

/// The middleware of one handler, and the handler, entered.
pub(crate) fn enter_handler(ctx: &Context, handler: usize) -> Boxed {
    Place::Handler(handler, 0).enter(ctx)
}

impl BoxMiddleware {
    fn enter(&self, ctx: &Context, place: Place) -> Boxed {
        let next = Next {
            ctx: ctx.clone(),
            place,
        };
        (self.run)(ctx.clone(), next)
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("event", &self.ctx.event())
            .finish_non_exhaustive()
    }
}

/// What [`Next::run`] gives: the rest of the onion as a future.
///
/// Dropping it before it has finished drops whatever runs inside, the handler included. That is what a
/// timeout does; nothing else should.
#[must_use = "nothing inside runs until it is awaited: write `next.run().await`"]
pub struct Running(Stage);

enum Stage {
    Waiting(Next),
    Going(Boxed),
    Over,
}

impl Future for Running {
    type Output = Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut future = match std::mem::replace(&mut self.0, Stage::Over) {
            Stage::Waiting(Next { ctx, place }) => place.enter(&ctx),
            Stage::Going(future) => future,
            Stage::Over => {
                return Poll::Ready(Err(Error::internal(
                    "`next` was polled after it had finished",
                )));
            }
        };
        let poll = future.as_mut().poll(cx);
        if poll.is_pending() {
            self.0 = Stage::Going(future);
        }
        poll
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
/// use koio::{compose, BoxMiddleware, Context, Io, Next, Reply, Result};
///
/// async fn first(_: Context, next: Next) -> Result<Reply> { next.run().await }
/// async fn second(_: Context, next: Next) -> Result<Reply> { next.run().await }
///
/// let both = compose([BoxMiddleware::new(first), BoxMiddleware::new(second)]);
/// let io = Io::new().wrap(both);
/// ```
pub fn compose(middleware: impl IntoIterator<Item = BoxMiddleware>) -> impl Middleware + Clone {
    let list: Arc<[BoxMiddleware]> = middleware.into_iter().collect();
    move |_, next: Next| {
        let Next { ctx, place } = next;
        Next {
            ctx,
            place: Place::Composed(Arc::clone(&list), 0, Box::new(place)),
        }
        .run()
    }
}
