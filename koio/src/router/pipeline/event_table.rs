//! The frozen event table: built once, shared by all sockets, never changed.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use crate::router::{
    Arguments, BoxMiddleware, Context, Next, Pipeline, Reply, State,
    catch_unwind::{guard, guard_call},
    context::Occasion,
    context::type_map::TypeMap,
    pipeline::handler::Run,
    pipeline::middleware::{self, Boxed},
    setup::pattern::Pattern,
};
use crate::{Error, Result};

/// A map that never changes once clients are there. What they send is looked up in it and never put into it, so
/// they can't make it slow, and a hash without a key is enough.
pub(crate) type Frozen<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;

/// Fowler, Noll and Vo's hash, 1a: for names of a few letters nothing is faster to set up.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The length of a name, in one step rather than eight.
    fn write_usize(&mut self, length: usize) {
        self.write(&[length as u8]);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Everything that was set up, ready to run.
#[derive(Default)]
pub(crate) struct EventTable {
    pub(crate) namespaces: Frozen<Box<str>, Arc<Lines>>,
    /// Those of whole families of namespaces; no two match the same one.
    pub(crate) patterns: Vec<(Arc<Pattern>, Arc<Lines>)>,
}

impl EventTable {
    /// The lines of a namespace. One that is named comes before those that are meant by a pattern.
    pub(crate) fn lines(&self, namespace: &str) -> Option<&Arc<Lines>> {
        let matches = |(pattern, _): &&(Arc<Pattern>, _)| pattern.matches(namespace);
        let by_pattern = || self.patterns.iter().find(matches).map(|(_, lines)| lines);
        self.namespaces.get(namespace).or_else(by_pattern)
    }
}

/// The lines of one namespace.
pub(crate) struct Lines {
    pub(crate) events: Frozen<&'static [u8], Arc<Line>>,
    /// For events that nothing else takes: `*`, or no handler at all.
    pub(crate) rest: Arc<Line>,
    pub(crate) connection: Arc<Line>,
    pub(crate) disconnect: Arc<Line>,
}

impl Lines {
    pub(crate) fn event(&self, name: &[u8]) -> &Arc<Line> {
        self.events.get(name).unwrap_or(&self.rest)
    }
}

/// The way of one event: what is around its handlers, and the handlers.
pub(crate) struct Line {
    pub(crate) around: Arc<[BoxMiddleware]>,
    /// The first answers; the others run after it.
    pub(crate) handlers: Box<[Handler]>,
    /// An event's only handler has nothing around it: nobody but [`Dispatch`](crate::socket::Dispatch) sees what it
    /// answers, how it fails and whether it panics.
    pub(crate) direct: bool,
    /// What the namespace is one of.
    pub(crate) pattern: Option<Arc<Pattern>>,
    pub(crate) shared: Arc<Shared>,
}

/// A handler, with the middleware that is around it alone.
pub(crate) struct Handler {
    pub(crate) run: Arc<dyn Run>,
    pub(crate) wraps: Box<[BoxMiddleware]>,
}

impl Line {
    /// The layers, if there are any, and the onion inside them.
    pub(crate) fn enter(&self, ctx: &Context) -> Boxed {
        match self.shared.pipeline.clone() {
            None => middleware::enter(ctx),
            Some(pipeline) => {
                let ctx = ctx.clone();
                Box::pin(async move { pipeline.run(ctx).await.map_err(Error::from_boxed) })
            }
        }
    }

    /// The centre of the onion.
    pub(crate) fn centre(&self, ctx: &Context) -> Boxed {
        match (ctx.occasion(), &*self.handlers) {
            (Occasion::Event(_), []) => Box::pin(unhandled(ctx.clone())),
            (Occasion::Event(_), [handler]) if handler.wraps.is_empty() => self.invoke(ctx, 0),
            (Occasion::Event(_), [_]) => middleware::enter_handler(ctx, 0),
            (Occasion::Event(_), _) => Box::pin(all(ctx.clone())),
            (Occasion::Connection(_), _) => Box::pin(connect(ctx.clone())),
            (Occasion::Disconnect(_), _) => Box::pin(disconnect(ctx.clone())),
        }
    }

    /// Runs one handler, without anything around it.
    pub(crate) fn invoke(&self, ctx: &Context, handler: usize) -> Boxed {
        ctx.starts(handler);
        match self.handlers.get(handler) {
            Some(handler) => handler.run.enter(ctx),
            None => Box::pin(async { Ok(Reply::none()) }),
        }
    }
}

async fn unhandled(ctx: Context) -> Result<Reply> {
    Arguments::new(&ctx).validate()?;
    Err(Error::no_handler(ctx.event()))
}

/// The handler that answers, then the others. They do not depend on each other: what goes wrong in one is no reason
/// to keep the event from the next.
async fn all(ctx: Context) -> Result<Reply> {
    let reply = guard(Next::handler(ctx.clone(), 0).run()).await;
    others(&ctx).await;
    reply
}

async fn others(ctx: &Context) {
    for handler in 1..ctx.line().handlers.len() {
        if let Err(error) = guard(Next::handler(ctx.clone(), handler).run()).await {
            ctx.report(&ctx.mapped(error));
        }
    }
}

/// CONNECT is answered just before the first handler runs: by [`Arguments::finish`], or here if there is none.
async fn connect(ctx: Context) -> Result<Reply> {
    if ctx.line().handlers.is_empty() {
        ctx.accept()?;
        return Ok(Reply::none());
    }
    let reply = guard(Next::handler(ctx.clone(), 0).run()).await?;
    if ctx.is_accepted() {
        others(&ctx).await;
    }
    Ok(reply)
}

/// Every disconnect handler runs, whatever the middleware around it does.
async fn disconnect(ctx: Context) -> Result<Reply> {
    let mut first = Ok(Reply::none());
    for handler in 0..ctx.line().handlers.len() {
        let mut result = guard(Next::handler(ctx.clone(), handler).run()).await;
        if ctx.started() <= handler {
            if let Err(error) = result {
                ctx.report(&ctx.mapped(error));
            }
            result = ctx.line().invoke(&ctx, handler).await;
        }
        if handler == 0 {
            first = result;
        } else if let Err(error) = result {
            ctx.report(&ctx.mapped(error));
        }
    }
    first
}

/// Told of every error that leaves an onion.
pub(crate) type Observer = Box<dyn Fn(&Error, &Context) + Send + Sync>;

/// Gives an error its code, if it is of the right type.
pub(crate) type ErrorMap = Box<dyn Fn(&Error) -> Option<Error> + Send + Sync>;

/// What all namespaces share.
#[derive(Default)]
pub(crate) struct Shared {
    /// The tower layers; `None` if there are none, and then they cost nothing.
    pub(crate) pipeline: Option<Pipeline>,
    pub(crate) states: TypeMap<Arc<dyn Any + Send + Sync>>,
    pub(crate) observers: Vec<Observer>,
    pub(crate) maps: Vec<ErrorMap>,
}

impl Shared {
    pub(crate) fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>> {
        self.states
            .get(&TypeId::of::<T>())
            .and_then(|state| Arc::clone(state).downcast::<T>().ok())
            .map(State::new)
            .ok_or_else(|| {
                Error::internal(format!("there is no state of type `{}`", type_name::<T>()))
            })
    }

    pub(crate) fn mapped(&self, error: Error) -> Error {
        // Only what `?` made has a source and no code of its own.
        if !error.is_internal() || error.source().is_none() {
            return error;
        }
        match self.maps.iter().find_map(|map| map(&error)) {
            Some(mapped) => mapped.instead_of(error),
            None => error,
        }
    }

    pub(crate) fn observe(&self, error: &Error, ctx: &Context) {
        if self.observers.is_empty() {
            log(error, ctx);
        }
        for observer in &self.observers {
            // The answer and the other observers do not depend on this one.
            if let Err(panic) = guard_call(|| observer(error, ctx)) {
                tracing::error!(error = %panic, "an error observer failed");
            }
        }
    }
}

/// What happens to errors while nobody observes them. What the client may see is no fault of the server's, and
/// that clients go away is no fault at all.
fn log(error: &Error, ctx: &Context) {
    let (event, namespace, socket) = (ctx.event(), ctx.namespace(), ctx.socket().id());
    if error.is_shown() || error.is_closed() || error.is_disconnected() {
        tracing::debug!(event, namespace, %socket, code = error.code(), "{error}");
    } else {
        tracing::error!(event, namespace, %socket, "{error:?}");
    }
}

impl fmt::Debug for EventTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventTable")
            .field("namespaces", &self.namespaces.keys())
            .finish_non_exhaustive()
    }
}
