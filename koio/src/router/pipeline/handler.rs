//! One handler: which event it takes, where it was written, what it needs, and how to run it.

use std::{
    any::type_name, fmt, future::Future, panic::Location, pin::Pin, sync::Arc, time::Duration,
};

use crate::router::{
    Answer, Arguments, BoxMiddleware, Context, FromEvent, Next, Reply, Requirements,
    catch_unwind::{guard, guard_call},
    pipeline::middleware::Boxed,
    pipeline::run::{Direct, Handling, Onion},
};
use crate::{Error, Result};

/// Where a handler was written, and the event it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The event: a name, `connection`, `disconnect` or `*`.
    pub event: &'static str,
    /// The path of the function.
    pub name: &'static str,
    /// Its file.
    pub file: &'static str,
    /// Its line.
    pub line: u32,
}

/// "`app::chat::join` (src/chat.rs:12)".
impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}:{})", self.name, self.file, self.line)
    }
}

/// Runs a handler, whatever its type.
pub(crate) trait Run: Send + Sync {
    /// The handler, at the centre of an onion: who is around it is to see its panic as an error, and its error with
    /// its code.
    fn enter(&self, ctx: &Context) -> Boxed;
    /// The handler with nothing around it.
    fn direct(self: Arc<Self>, ctx: Context) -> Pin<Box<dyn Handling>>;
}

impl<F, Fut> Run for F
where
    F: Fn(Arguments) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply>> + Send + 'static,
{
    fn enter(&self, ctx: &Context) -> Boxed {
        let args = Arguments::new(ctx);
        let called = guard_call(|| self(args));
        let ctx = ctx.clone();
        Box::pin(async move {
            let result = match called {
                Ok(future) => guard(future).await,
                Err(error) => Err(error),
            };
            result.map_err(|error| ctx.mapped(error))
        })
    }

    fn direct(self: Arc<Self>, ctx: Context) -> Pin<Box<dyn Handling>> {
        Box::pin(Direct::new(ctx, self))
    }
}

/// A handler that may take so long.
struct Timed(Arc<dyn Run>, Duration);

impl Run for Timed {
    fn enter(&self, ctx: &Context) -> Boxed {
        let (running, timeout) = (self.0.enter(ctx), self.1);
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

    fn direct(self: Arc<Self>, ctx: Context) -> Pin<Box<dyn Handling>> {
        Box::pin(Onion::new(ctx))
    }
}

/// An argument of a handler, as the start-up checks and the table see it.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) requirements: Requirements,
}

/// A handler on its way into the event table. `#[on]` makes them; so do closures given to `on`.
#[must_use = "a route does nothing until it is given to `.handlers(..)`"]
pub struct Route {
    pub(crate) meta: Meta,
    pub(crate) run: Arc<dyn Run>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) answer: &'static str,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) also: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) wraps: Vec<BoxMiddleware>,
}

impl Route {
    /// A route. `handler` reads its own arguments and calls [`Arguments::finish`] before it does anything else.
    pub fn new<F, Fut>(meta: Meta, handler: F) -> Self
    where
        F: Fn(Arguments) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        Self {
            meta,
            run: Arc::new(handler),
            arguments: Vec::new(),
            answer: type_name::<()>(),
            namespace: None,
            also: false,
            timeout: None,
            wraps: Vec::new(),
        }
    }

    /// A route whose handler is a closure, which takes the context and nothing else.
    pub(crate) fn closure<F, Fut, T>(
        event: &'static str,
        written: &'static Location<'static>,
        handler: F,
    ) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        let meta = Meta {
            event,
            name: type_name::<F>(),
            file: written.file(),
            line: written.line(),
        };
        let handler = Arc::new(handler);
        Self::new(meta, move |mut args| {
            let handler = Arc::clone(&handler);
            async move {
                args.finish()?;
                let answer = handler(args.ctx().clone()).await?;
                Ok(answer.into_reply(args.ctx()))
            }
        })
        .answer::<T>()
    }

    /// Says what an argument is called, and of which type it is.
    pub fn arg<T: FromEvent>(mut self, name: &'static str) -> Self {
        let mut requirements = Requirements::default();
        T::requires(&mut requirements);
        self.arguments.push(Argument {
            name,
            type_name: type_name::<T>(),
            requirements,
        });
        self
    }

    /// Says what the handler returns.
    pub fn answer<T>(mut self) -> Self {
        self.answer = type_name::<T>();
        self
    }

    /// Says what the handler returns, in the words of its author: `impl Trait` has no other name.
    pub fn answer_written(mut self, answer: &'static str) -> Self {
        self.answer = answer;
        self
    }

    /// Puts the handler into a namespace.
    pub fn namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Lets the handler run after the event's first one; it does not answer.
    pub fn also(mut self) -> Self {
        self.also = true;
        self
    }

    /// Gives the handler this long. After that it is dropped, and the answer is `timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self.run = Arc::new(Timed(self.run, timeout));
        self
    }

    /// Puts a middleware around this handler only, inside all others.
    pub fn wrap<F, Fut>(mut self, middleware: F) -> Self
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.wraps.push(BoxMiddleware::new(middleware));
        self
    }

    /// Where the handler was written, and the event it takes.
    #[must_use]
    pub fn meta(&self) -> Meta {
        self.meta
    }

    /// Whether the handler returns something that an acknowledgement would carry.
    ///
    /// The macro can name the type but not look into an alias, and a type can't be asked whether it is
    /// `Result<(), _>`; its name can.
    pub(crate) fn returns_value(&self) -> bool {
        self.answer != "()" && !self.answer.starts_with("core::result::Result<(), ")
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("meta", &self.meta)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
