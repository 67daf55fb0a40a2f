//! The context of one event: koa's `ctx`.

use std::{
    any::{Any, TypeId},
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::{Serialize, de::DeserializeOwned};

use crate::router::{
    Args, Arguments, State, answer::ack::AnswerState, context::type_map::TypeMap, extract::params,
    pipeline::event_table::Line,
};
use crate::{
    CloseReason, Emit, Error, Handshake, IoHandle, Result, Room, Socket,
    socket::Accept,
    wire::{DecodeError, Event, RawArgs},
};

/// What happened, and to whom: one for each event, for each connection, and for each disconnect.
///
/// It is owned, and cloning it costs a reference count, so it may go into other tasks and outlive the handler.
/// A clone is the same context: what one sets, the others get.
///
/// What is said to this client or about it is with its [`socket`](Self::socket): rooms, volatile emits, emits that wait
/// for an answer, its end. What is said to everybody is with [`io`](Self::io), which speaks to `/` from every namespace.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    socket: Socket,
    occasion: Occasion,
    line: Arc<Line>,
    answer: AnswerState,
    /// How many disconnect handlers have started: nothing may keep the others from it.
    started: AtomicUsize,
    /// Allocated when a middleware first leaves something.
    locals: OnceLock<Box<Locals>>,
}

type Locals = Mutex<TypeMap<Box<dyn Any + Send>>>;

/// Why there is a context.
pub(crate) enum Occasion {
    /// The client sent an event.
    Event(Event),
    /// The client asked to be let into the namespace.
    Connection(Accept),
    /// The socket is gone.
    Disconnect(CloseReason),
}

impl Context {
    pub(crate) fn new(socket: Socket, occasion: Occasion, line: Arc<Line>) -> Self {
        Self(Arc::new(Inner {
            socket,
            occasion,
            line,
            answer: AnswerState::default(),
            started: AtomicUsize::new(0),
            locals: OnceLock::new(),
        }))
    }

    /// A context for an event, in the place of one that is over if there is one.
    pub(crate) fn of_event(
        spare: Option<Self>,
        socket: &Socket,
        event: Event,
        line: &Arc<Line>,
    ) -> Self {
        match spare {
            Some(mut ctx) => {
                ctx.renew(event, Some(line));
                ctx
            }
            None => Self::new(socket.clone(), Occasion::Event(event), Arc::clone(line)),
        }
    }

    /// Becomes the context of the socket's next event; on the same line, if no other is given.
    pub(crate) fn renew(&mut self, event: Event, line: Option<&Arc<Line>>) {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.occasion = Occasion::Event(event);
            inner.answer = AnswerState::default();
            if let Some(line) = line {
                inner.line = Arc::clone(line);
            }
        } else {
            let line = Arc::clone(line.unwrap_or(&self.0.line));
            *self = Self::new(self.0.socket.clone(), Occasion::Event(event), line);
        }
    }

    /// Lets go of what the client sent with the event that is over.
    pub(crate) fn forget(&mut self) {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.occasion = Occasion::Event(Event::default());
        }
    }

    /// Whether it can be the context of the socket's next event: nobody has kept it, and nothing of a user's is in it,
    /// which must not outlive its event.
    pub(crate) fn is_spare(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.locals.get().is_none()
    }

    /// Whether it is that of an event with this name.
    pub(crate) fn is_named(&self, name: &[u8]) -> bool {
        matches!(&self.0.occasion, Occasion::Event(event) if event.name_bytes() == name)
    }

    /// Whether events on that line can take its place.
    pub(crate) fn is_on(&self, line: &Arc<Line>) -> bool {
        Arc::ptr_eq(&self.0.line, line)
    }

    /// The socket that this is about.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.0.socket
    }

    /// What the client said when it connected.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        self.0.socket.handshake()
    }

    /// The server.
    #[must_use]
    pub fn io(&self) -> IoHandle {
        self.0.socket.io()
    }

    /// The name of the event; `connection` and `disconnect` on the life cycle.
    #[must_use]
    pub fn event(&self) -> &str {
        match &self.0.occasion {
            Occasion::Event(event) => event.name(),
            Occasion::Connection(_) => "connection",
            Occasion::Disconnect(_) => "disconnect",
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

    /// Why the socket is gone, on `disconnect`.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match &self.0.occasion {
            Occasion::Disconnect(reason) => Some(*reason),
            Occasion::Event(_) | Occasion::Connection(_) => None,
        }
    }

    /// All arguments as they arrived, undecoded. None on the life cycle.
    ///
    /// # Errors
    /// If they are no JSON; the connection is closed then.
    pub fn args(&self) -> Result<Args> {
        Arguments::new(self).whole().map(Args)
    }

    /// The arguments, to be read one after the other: what `#[on]` does for you, done by hand.
    ///
    /// ```
    /// # use koio::{Context, Result};
    /// async fn echo(ctx: Context) -> Result<String> {
    ///     let mut args = ctx.arguments();
    ///     let (times, text): (usize, String) = (args.next()?, args.next()?);
    ///     Ok(text.repeat(times.min(3)))
    /// }
    /// ```
    #[must_use]
    pub fn arguments(&self) -> Arguments {
        Arguments::new(self)
    }

    /// The first argument.
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`.
    pub fn arg<T: DeserializeOwned>(&self) -> Result<T> {
        self.arguments().next()
    }

    /// The state of type `T` that was given to the server.
    ///
    /// As an argument of a handler, [`State`] is found missing at the start; here it can be found missing only
    /// now.
    ///
    /// # Errors
    /// `internal`, if there is none.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>> {
        self.0.line.shared.state()
    }

    /// The parameters of the namespace that the client is in; [`Params`](crate::Params) says how they are read.
    ///
    /// # Errors
    /// `bad_request`, if they are no `T`; `internal`, if the namespace has none.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T> {
        let pattern = self.0.line.pattern.as_ref().ok_or_else(|| {
            Error::internal(format!("there are no parameters in `{}`", self.namespace()))
        })?;
        params::read(pattern, self.namespace())
    }

    /// Leaves a value for whoever comes after in this event; one for each type. koa's `ctx.state`.
    ///
    /// What belongs to the connection goes into the socket instead.
    pub fn set<T: Clone + Send + 'static>(&self, value: T) {
        let locals = self.0.locals.get_or_init(Box::default);
        let mut locals = locals.lock().unwrap_or_else(PoisonError::into_inner);
        locals.insert(TypeId::of::<T>(), Box::new(value));
    }

    /// The value of that type that was [set](Self::set) in this event.
    #[must_use]
    pub fn get<T: Clone + Send + 'static>(&self) -> Option<T> {
        let locals = self.0.locals.get()?.lock();
        let locals = locals.unwrap_or_else(PoisonError::into_inner);
        locals.get(&TypeId::of::<T>())?.downcast_ref().cloned()
    }

    /// Sends an event to this socket.
    ///
    /// # Errors
    /// `full` or `closed`, or what makes the event unwritable.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.0.socket.emit(event, args)
    }

    /// Everybody in a room of this namespace, without this socket.
    ///
    /// A room is named after every socket's id, so this also sends to one socket. A name that comes from the
    /// client lets the client choose whom to reach: look it up first.
    pub fn to(&self, room: impl Into<Room>) -> Emit {
        self.0.socket.to(room)
    }

    /// Sends an event to everybody in this namespace but this socket.
    ///
    /// # Errors
    /// What makes the event unwritable.
    pub fn broadcast(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.0.socket.broadcast(event, args)
    }

    /// Tells the observers of errors about one that you have caught and that nobody else will see.
    pub fn report(&self, error: &Error) {
        self.0.line.shared.observe(error, self);
    }

    /// Gives an error the code that `map_error` has for it.
    pub(crate) fn mapped(&self, error: Error) -> Error {
        self.0.line.shared.mapped(error)
    }

    pub(crate) fn line(&self) -> &Line {
        &self.0.line
    }

    /// Whether this is an event whose handler has nothing around it.
    pub(crate) fn is_direct(&self) -> bool {
        self.0.line.direct && matches!(self.0.occasion, Occasion::Event(_))
    }

    pub(crate) fn occasion(&self) -> &Occasion {
        &self.0.occasion
    }

    pub(crate) fn answer_state(&self) -> &AnswerState {
        &self.0.answer
    }

    pub(crate) fn ack_id(&self) -> Option<u64> {
        match &self.0.occasion {
            Occasion::Event(event) => event.ack,
            Occasion::Connection(_) | Occasion::Disconnect(_) => None,
        }
    }

    pub(crate) fn raw(&self) -> Option<&RawArgs> {
        match &self.0.occasion {
            Occasion::Event(event) => Some(&event.args),
            Occasion::Connection(_) | Occasion::Disconnect(_) => None,
        }
    }

    /// On a connection: answers CONNECT, the first time it is called. Else does nothing.
    pub(crate) fn accept(&self) -> Result<()> {
        let Occasion::Connection(accept) = &self.0.occasion else {
            return Ok(());
        };
        if accept.is_answered() || accept.accept() {
            return Ok(());
        }
        // The client went away while the middleware thought about it: nothing is wrong, nobody is to be told.
        self.0.answer.break_off();
        Err(Error::closed())
    }

    /// Whether CONNECT has been answered.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(&self.0.occasion, Occasion::Connection(accept) if accept.is_accepted())
    }

    /// The client sent what is no JSON: its connection is closed, and nobody answers any more.
    pub(crate) fn broken(&self, error: DecodeError) -> Error {
        self.0.answer.break_off();
        let event = self.event();
        self.0.socket.protocol_error(format_args!(
            "the arguments of `{event}` are no JSON: {error}"
        ));
        Error::bad_request("the arguments are no JSON")
    }

    pub(crate) fn started(&self) -> usize {
        self.0.started.load(Ordering::Acquire)
    }

    pub(crate) fn starts(&self, handler: usize) {
        if self.close_reason().is_none() {
            return;
        }
        self.0
            .started
            .fetch_max(handler.saturating_add(1), Ordering::AcqRel);
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
