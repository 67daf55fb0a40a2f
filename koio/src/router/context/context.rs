//! The context of one event: koa's `ctx`.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use serde::Serialize;

use super::elsewhere::EventsElsewhere;
use crate::{
    CloseReason, Error, Handshake, IoHandle, Result, Socket,
    ids::{IntoRooms, Pattern},
    router::answer::state::AnswerState,
    socket::{Accept, Emit, OnceRun, SharedStates, TypeMap},
    wire::{DecodeError, Event, RawArgs},
};

/// One event, one connection or one disconnect: what happened, and the socket that it happened to.
///
/// It is owned, and cloning it costs a reference count, so it may go into other tasks and outlive the handler.
/// A clone is the same context: what one [sets](Self::set), the others get.
///
/// What concerns this client is with its [`socket`](Self::socket): rooms, volatile emits, emits that wait for an
/// answer, its end. [`here`](Self::here) emits to the event's namespace; [`io`](Self::io) is the server, and emits to `/`
/// from every namespace.
#[derive(Clone)]
pub struct Context(Arc<ContextData>);

struct ContextData {
    socket: Socket,
    occasion: Occasion,
    namespace: Arc<NamespaceContext>,
    inside: Option<InsideLayers>,
    answer: AnswerState,
    /// Of the first try of an event that is handled once.
    once: OnceLock<Box<OnceRun>>,
    /// Allocated by the first [`Context::set`].
    locals: OnceLock<Box<Locals>>,
}

/// The values that middleware and handlers have set, one for each type.
pub(super) type Locals = Mutex<TypeMap<Box<dyn Any + Send>>>;

/// The onion that runs for a context inside the tower layers, which know no event. Its type is that of the pipeline, which is
/// built on this room. `None` without layers.
pub(crate) type InsideLayers = Arc<dyn Any + Send + Sync>;

/// What happened to the socket.
pub(crate) enum Occasion {
    /// The client sent an event.
    Event(Event),
    /// A middleware has given the event another name, or other arguments.
    Rewritten(Box<Rewritten>),
    /// The client asked to connect to the namespace.
    Connection(Accept),
    /// The socket is closed.
    Disconnect {
        reason: CloseReason,
        /// How many of the disconnect handlers have started: the others still have to run.
        started: AtomicUsize,
    },
}

/// An event as a middleware has rewritten it, and the context that it had before: its answer and its values are those of that.
pub(crate) struct Rewritten {
    event: Event,
    before: Context,
}

/// What all contexts of one namespace share.
#[derive(Default)]
pub(crate) struct NamespaceContext {
    /// The values given to [`Io::state`](crate::Io::state).
    pub(crate) states: SharedStates,
    pub(crate) errors: Arc<ErrorHooks>,
    pub(crate) elsewhere: Arc<EventsElsewhere>,
    /// The pattern that the namespace's name matches, if it was declared as one.
    pub(crate) pattern: Option<Pattern>,
    /// The events of the namespace, whose type is that of the pipeline, which is built on this room. They own this.
    pub(crate) events: OnceLock<Weak<dyn Any + Send + Sync>>,
}

/// The functions given to [`Io::on_error`](crate::Io::on_error) and [`Io::map_error`](crate::Io::map_error).
#[derive(Default)]
pub(crate) struct ErrorHooks {
    pub(crate) observers: Vec<ErrorObserver>,
    pub(crate) maps: Vec<ErrorMap>,
}

/// Called with every error that leaves an onion.
pub(crate) type ErrorObserver = Box<dyn Fn(&Error, &Context) + Send + Sync>;

/// Gives an error a code, if it is of the type that the map was made for.
pub(crate) type ErrorMap = Box<dyn Fn(&Error) -> Option<Error> + Send + Sync>;

impl Context {
    pub(crate) fn new(
        socket: Socket,
        occasion: Occasion,
        namespace: Arc<NamespaceContext>,
        inside: Option<InsideLayers>,
    ) -> Self {
        Self(Arc::new(ContextData {
            socket,
            occasion,
            namespace,
            inside,
            answer: AnswerState::default(),
            once: OnceLock::new(),
            locals: OnceLock::new(),
        }))
    }

    /// The context of the same event, rewritten.
    pub(crate) fn rewritten(&self, event: Event) -> Self {
        let before = self.clone();
        let occasion = Occasion::Rewritten(Box::new(Rewritten { event, before }));
        let namespace = Arc::clone(&self.0.namespace);
        Self::new(self.0.socket.clone(), occasion, namespace, None)
    }

    /// Makes this the context of another event of the same socket and the same handlers. Clones of it keep the event they have.
    #[inline]
    pub(crate) fn restart(&mut self, event: Event) {
        match Arc::get_mut(&mut self.0) {
            Some(data) => {
                // Dropping an `Occasion` asks which one it is; that of a context that starts again is an event.
                match &mut data.occasion {
                    Occasion::Event(last) => *last = event,
                    other => *other = Occasion::Event(event),
                }
                data.answer = AnswerState::default();
            }
            None => {
                let occasion = Occasion::Event(event);
                let namespace = Arc::clone(&self.0.namespace);
                let inside = self.0.inside.clone();
                *self = Self::new(self.0.socket.clone(), occasion, namespace, inside);
            }
        }
    }

    /// Drops what the client sent, if there is no clone that needs it.
    pub(crate) fn clear(&mut self) {
        if let Some(data) = Arc::get_mut(&mut self.0) {
            data.occasion = Occasion::Event(Event::default());
        }
    }

    /// Whether there is no clone of it, no value was [set](Self::set) in it, and its answer is not kept: none of that must be
    /// seen by another event.
    pub(crate) fn is_reusable(&self) -> bool {
        let data = &self.0;
        Arc::strong_count(data) == 1 && data.locals.get().is_none() && data.once.get().is_none()
    }

    /// The socket that this is about.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.0.socket
    }

    /// The request with which the client connected, and its `auth`.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        self.0.socket.handshake()
    }

    /// The server: a handle for `/`, whichever namespace the event is of. [`here`](Self::here) is for that one.
    #[must_use]
    pub fn io(&self) -> IoHandle {
        self.0.socket.io()
    }

    /// The event's own namespace, its sender included: `ctx.here().broadcast(..)`, `ctx.here().to(room)`.
    ///
    /// [`ctx.broadcast`](Self::broadcast) and [`ctx.to`](Self::to) mean the same namespace without the sender.
    ///
    /// ```
    /// use koio::{Context, Result, on};
    ///
    /// #[on("say", ns = "/agents")]
    /// async fn say(ctx: Context, text: String) -> Result<()> {
    ///     ctx.here().broadcast("said", text) // all agents, this one too
    /// }
    /// ```
    #[must_use]
    pub fn here(&self) -> IoHandle {
        self.0.socket.here()
    }

    /// The name of the event; `connection` and `disconnect` on the life cycle.
    #[must_use]
    pub fn event(&self) -> &str {
        match &self.0.occasion {
            Occasion::Event(event) => event.name(),
            Occasion::Rewritten(rewritten) => rewritten.event.name(),
            Occasion::Connection(_) => "connection",
            Occasion::Disconnect { .. } => "disconnect",
        }
    }

    /// The namespace, `/` if the client named none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.socket.namespace()
    }

    /// Whether the client waits for an acknowledgement.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.ack_id().is_some()
    }

    /// Why the socket closed, on `disconnect`.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match &self.0.occasion {
            Occasion::Disconnect { reason, .. } => Some(*reason),
            Occasion::Event(_) | Occasion::Rewritten(_) | Occasion::Connection(_) => None,
        }
    }

    /// Sends an event to this socket.
    ///
    /// # Errors
    /// `full` or `closed`, or the event can't be written as JSON.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.0.socket.emit(event, args)
    }

    /// An emit to the sockets in a room of this namespace, or in several, but never to this one.
    ///
    /// Every socket is in a room named after its id, so this also sends to one socket. A name that comes from the
    /// client lets the client choose whom to reach: look it up first.
    pub fn to(&self, rooms: impl IntoRooms) -> Emit {
        self.0.socket.to(rooms)
    }

    /// Sends an event to all sockets of this namespace but this one.
    ///
    /// # Errors
    /// The event can't be written as JSON.
    pub fn broadcast(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.0.socket.broadcast(event, args)
    }

    pub(crate) fn occasion(&self) -> &Occasion {
        &self.0.occasion
    }

    pub(crate) fn namespace_context(&self) -> &NamespaceContext {
        &self.0.namespace
    }

    pub(crate) fn inside_layers(&self) -> Option<&InsideLayers> {
        self.0.inside.as_ref()
    }

    /// Who answers. A rewritten event is answered once, as what it was.
    pub(crate) fn answer_state(&self) -> &AnswerState {
        match &self.0.occasion {
            Occasion::Rewritten(rewritten) => rewritten.before.answer_state(),
            _ => &self.0.answer,
        }
    }

    /// [`answer_state`](Self::answer_state) of an event as it has come: what the session's task runs.
    pub(crate) fn own_answer_state(&self) -> &AnswerState {
        &self.0.answer
    }

    pub(super) fn once(&self) -> &OnceLock<Box<OnceRun>> {
        match &self.0.occasion {
            Occasion::Rewritten(rewritten) => rewritten.before.once(),
            _ => &self.0.once,
        }
    }

    pub(super) fn locals(&self) -> &OnceLock<Box<Locals>> {
        match &self.0.occasion {
            Occasion::Rewritten(rewritten) => rewritten.before.locals(),
            _ => &self.0.locals,
        }
    }

    /// The event that the client sent, as it was rewritten last. `None` on the life cycle.
    #[inline]
    pub(crate) fn received(&self) -> Option<&Event> {
        match &self.0.occasion {
            Occasion::Event(event) => Some(event),
            Occasion::Rewritten(rewritten) => Some(&rewritten.event),
            Occasion::Connection(_) | Occasion::Disconnect { .. } => None,
        }
    }

    /// The id under which the client waits for an acknowledgement.
    #[inline]
    pub(crate) fn ack_id(&self) -> Option<u64> {
        self.received()?.ack
    }

    /// The arguments that the client sent; `None` on the life cycle.
    #[inline]
    pub(crate) fn raw_args(&self) -> Option<&RawArgs> {
        Some(&self.received()?.args)
    }

    /// A handler starts. On a connection: answers CONNECT, the first time it is called.
    ///
    /// # Errors
    /// The socket closed while the middleware ran. The connection handler then must not run, and since it is no fault
    /// the error is not reported.
    #[inline]
    pub(crate) fn accept(&self) -> Result<()> {
        match (&self.0.occasion, self.0.once.get()) {
            (Occasion::Event(_), None) => Ok(()),
            _ => self.accept_or_start(),
        }
    }

    #[cold]
    fn accept_or_start(&self) -> Result<()> {
        let accept = match &self.0.occasion {
            Occasion::Connection(accept) => accept,
            Occasion::Rewritten(rewritten) => return rewritten.before.accept(),
            _ => {
                if let Some(once) = self.0.once.get() {
                    once.start();
                }
                return Ok(());
            }
        };
        if accept.is_answered() || accept.accept() {
            return Ok(());
        }
        self.0.answer.break_off();
        Err(Error::closed())
    }

    /// Whether CONNECT was answered, and not refused.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(&self.0.occasion, Occasion::Connection(accept) if accept.is_accepted())
    }

    /// The client sent arguments that are no JSON: closes its session. Its event is not answered.
    pub(crate) fn break_off(&self, error: DecodeError) -> Error {
        self.answer_state().break_off();
        let event = self.event();
        self.0.socket.protocol_error(format_args!(
            "the arguments of `{event}` are no JSON: {error}"
        ));
        Error::bad_request("the arguments are no JSON")
    }

    /// How many of the disconnect handlers have started.
    pub(crate) fn started_handlers(&self) -> usize {
        match &self.0.occasion {
            Occasion::Disconnect { started, .. } => started.load(Ordering::Acquire),
            _ => 0,
        }
    }

    /// The disconnect handler with this index starts.
    pub(crate) fn start_handler(&self, index: usize) {
        if let Occasion::Disconnect { started, .. } = &self.0.occasion {
            started.fetch_max(index.saturating_add(1), Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("event", &self.event())
            .field("namespace", &self.namespace())
            .field("socket", &self.socket().id())
            .finish_non_exhaustive()
    }
}
