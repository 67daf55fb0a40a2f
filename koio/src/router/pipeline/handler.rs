//! One handler: the event it takes, its location, what it needs, and the function itself.

use std::{any::type_name, fmt, future::Future, panic::Location, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    middleware::{BoxMiddleware, Next, function_name},
    run::HandlerFn,
};
use crate::{
    Result,
    router::{
        answer::{Answer, Reply, answer::is_value},
        context::Context,
        extract::{Args, FromEvent, Requirements, call::Call},
        once::OnceBy,
    },
};

/// A handler's event, name and location in the source.
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

impl Meta {
    /// Of a handler that is a closure of this type, given here.
    pub(crate) fn of_closure<F>(event: &'static str, location: &'static Location<'static>) -> Self {
        Self {
            event,
            name: function_name::<F>(),
            file: location.file(),
            line: location.line(),
        }
    }

    /// Whether it is for what becomes of a socket, which no client sends as an event.
    pub(crate) fn is_lifecycle(&self) -> bool {
        matches!(self.event, "connection" | "disconnect")
    }
}

/// "`app::chat::join` (src/chat.rs:12)".
impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}:{})", self.name, self.file, self.line)
    }
}

/// An argument of a handler, for the start-up checks and the table.
#[derive(Debug)]
pub(crate) struct HandlerArgument {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) requirements: Requirements,
}

/// A handler that is not yet in the event table. `#[on]` makes them; so do closures given to `on`.
#[must_use = "a route does nothing until it is given to `.handlers(..)`"]
pub struct Route {
    pub(crate) meta: Meta,
    pub(crate) handler: Arc<dyn HandlerFn>,
    pub(crate) arguments: Vec<HandlerArgument>,
    /// The name of the type that the handler returns.
    pub(crate) answer: &'static str,
    /// Whether an acknowledgement would carry a value of it.
    pub(crate) returns_value: bool,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) also: bool,
    pub(crate) timeout: Option<Duration>,
    /// How many events may overlap, if the handler says so itself. As given; checked at the start.
    pub(crate) concurrency: Option<usize>,
    /// The key by which an event is handled once, if the handler names one.
    pub(crate) once_by: Option<OnceBy>,
    pub(crate) wraps: Vec<BoxMiddleware>,
}

impl Route {
    /// A route. `handler` reads its arguments and calls [`Call::finish`] before it does anything else.
    pub fn new<F, Fut>(meta: Meta, handler: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        Self::of_handler(meta, Arc::new(handler))
    }

    fn of_handler(meta: Meta, handler: Arc<dyn HandlerFn>) -> Self {
        Self {
            meta,
            handler,
            arguments: Vec::new(),
            answer: type_name::<()>(),
            returns_value: false,
            namespace: None,
            also: false,
            timeout: None,
            concurrency: None,
            once_by: None,
            wraps: Vec::new(),
        }
    }

    /// A route whose handler is a closure, which takes the context and nothing else.
    pub(crate) fn closure<F, Fut, T>(
        event: &'static str,
        location: &'static Location<'static>,
        handler: F,
    ) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        let meta = Meta::of_closure::<F>(event, location);
        Self::of_handler(meta, closure_handler(handler)).answer::<T>(is_value::<T>())
    }

    /// Declares an argument: its name and its type.
    pub fn arg<T: FromEvent>(mut self, name: &'static str) -> Self {
        let mut requirements = Requirements::default();
        T::requires(&mut requirements);
        self.arguments.push(HandlerArgument {
            name,
            type_name: type_name::<T>(),
            requirements,
        });
        self
    }

    /// Declares the type that the handler returns, and whether an acknowledgement would carry a value of it.
    pub fn answer<T>(mut self, has_value: bool) -> Self {
        self.answer = type_name::<T>();
        self.returns_value = has_value;
        self
    }

    /// The same for a type that has no name, such as `impl Serialize`; `source` is how it is written.
    pub fn unnamed_answer(mut self, source: &'static str) -> Self {
        self.answer = source;
        self.returns_value = true;
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
        self
    }

    /// Lets so many events of one socket overlap while one of this handler runs.
    pub fn concurrency(mut self, events: usize) -> Self {
        self.concurrency = Some(events);
        self
    }

    /// Handles an event once for each value at this JSON pointer into the list of its arguments.
    pub fn once_by(mut self, pointer: &'static str) -> Self {
        self.once_by = Some(OnceBy::Pointer(pointer));
        self
    }

    /// Handles an event once for each key that a function finds in its arguments.
    pub fn once_by_key<K: Serialize>(
        mut self,
        key: impl Fn(&Args) -> Result<K> + Send + Sync + 'static,
    ) -> Self {
        self.once_by = Some(OnceBy::function(key));
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

    /// The handler's event, name and location.
    #[must_use]
    pub fn meta(&self) -> Meta {
        self.meta
    }
}

/// A closure that takes the context and nothing else, as a handler.
pub(crate) fn closure_handler<F, Fut, T>(handler: F) -> Arc<dyn HandlerFn>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Answer + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |mut call: Call| {
        let handler = Arc::clone(&handler);
        async move {
            call.finish()?;
            let answer = handler(call.ctx().clone()).await?;
            Ok(answer.into_reply_of(&call))
        }
    })
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("meta", &self.meta)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
