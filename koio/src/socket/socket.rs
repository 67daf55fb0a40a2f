//! The handle of one socket: one client in one namespace.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Accept, AckFuture, Emit, Handshake, IoHandle,
    ack::PendingAcks,
    connection::Connection,
    emit::not_sent,
    io_handle::{LiveNamespace, ServerCore},
};
use crate::{
    Error, Result,
    adapter::{NotJoined, Recipient},
    engine::{CloseReason, SendError, Session, TransportKind},
    ids::{Room, SocketId},
    observe::{Observation, Observers},
    wire::{self, Draft, Frame},
};

/// Its CONNECT has not been answered.
const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
const CLOSED: u8 = 2;

/// One client in one namespace, until it disconnects. Cloning costs a reference count; a clone may be extras and
/// used after the socket has closed: emits then say [closed](Error::is_closed).
///
/// Emitting never waits: it encodes, queues and returns.
#[derive(Clone)]
pub struct Socket(Arc<SocketInner>);

struct SocketInner {
    id: SocketId,
    namespace: Arc<LiveNamespace>,
    /// Leads to the connection as well.
    handshake: Handshake,
    /// What its CONNECT was answered; [`Accept`] has the values.
    answer: AtomicU8,
    state: AtomicU8,
    acks: PendingAcks,
    /// In a box, which most sockets never have.
    extras: Mutex<Option<Box<SocketExtras>>>,
}

/// What is extras with a socket.
#[derive(Default)]
struct SocketExtras {
    /// The values that handlers have [set](Socket::set).
    data: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// The rooms it was in when it closed, for the disconnect handler.
    left: Vec<Room>,
}

impl Socket {
    pub(super) fn new(id: SocketId, namespace: Arc<LiveNamespace>, handshake: Handshake) -> Self {
        let socket = Self(Arc::new(SocketInner {
            id,
            namespace,
            handshake,
            answer: AtomicU8::new(Accept::PENDING),
            state: AtomicU8::new(CONNECTING),
            acks: PendingAcks::default(),
            extras: Mutex::default(),
        }));
        // A member from the start, so that middleware can put it into rooms; delivery looks at its state.
        socket.0.namespace.rooms.add(socket.clone());
        socket
    }

    /// The socket's public id. It is also the name of a room that only this socket is in.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.0.id
    }

    /// The namespace it is connected to: `/`, or `/chat`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace.name
    }

    /// What the client said when it connected.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// The server, for everybody in `/` and for other namespaces.
    #[must_use]
    pub fn io(&self) -> IoHandle {
        IoHandle::root(Arc::clone(self.core()))
    }

    /// How the client is connected at the moment.
    #[must_use]
    pub fn transport(&self) -> TransportKind {
        self.session().transport()
    }

    /// Whether CONNECT has been answered and the socket has not closed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == CONNECTED
    }

    /// Whether it has not closed.
    pub(crate) fn is_open(&self) -> bool {
        self.0.state.load(Ordering::Acquire) != CLOSED && self.session().is_open()
    }

    fn extras(&self) -> MutexGuard<'_, Option<Box<SocketExtras>>> {
        self.0.extras.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> &Connection {
        self.0.handshake.connection()
    }

    fn core(&self) -> &Arc<ServerCore> {
        &self.connection().core
    }

    pub(super) fn session(&self) -> &Session {
        &self.connection().session
    }

    pub(super) fn connect_answer(&self) -> &AtomicU8 {
        &self.0.answer
    }

    /// Whether its CONNECT has been answered.
    pub(super) fn is_answered(&self) -> bool {
        self.0.answer.load(Ordering::Acquire) != Accept::PENDING
    }

    /// Whether it was answered with CONNECT.
    pub(super) fn was_accepted(&self) -> bool {
        self.0.answer.load(Ordering::Acquire) == Accept::ACCEPTED
    }

    pub(super) fn acks(&self) -> &PendingAcks {
        &self.0.acks
    }

    pub(super) fn live_namespace(&self) -> &Arc<LiveNamespace> {
        &self.0.namespace
    }

    /// Sends an event to this client.
    ///
    /// `args` is what the client's listener gets: `()` is no argument, [`args!`](crate::args)`[a, b]` are
    /// several, anything else is one: a tuple or a list is one array. Bytes ([`Bytes`](crate::Bytes), `serde_bytes`)
    /// at any depth travel as binary.
    ///
    /// # Errors
    /// [Full](Error::is_full) if the client does not read fast enough: nothing was queued.
    /// [Closed](Error::is_closed) if it is gone. A handler that passes these on lets its own client see them.
    /// Otherwise the caller's own fault: a reserved name, a value
    /// that does not serialise, more than ten binaries.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        let draft = wire::event_draft(self.namespace(), None, event, &args).map_err(not_sent)?;
        self.deliver(draft)?;
        self.sent(event);
        Ok(())
    }

    /// Tells the observers of an event to this client.
    pub(super) fn sent(&self, event: &str) {
        self.observers().notify_added(|| Observation::EventSent {
            namespace: self.namespace(),
            event,
            recipients: 1,
        });
    }

    /// Sends an event to this client and waits for its answer, for at most
    /// [`ack_timeout`](crate::config::SocketConfig::ack_timeout); see [`timeout`](Self::timeout) for another time.
    ///
    /// The event is queued before this returns; the future only waits. For its errors, and for dropping it, see
    /// [`Emit::emit_with_ack`].
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        AckFuture::send(self, event, &args, self.core().config().ack_timeout)
    }

    /// An emit to this client alone that can be [volatile](Emit::volatile) or have a
    /// [timeout](Emit::timeout).
    pub fn only(&self) -> Emit {
        Emit::to_socket(self.clone())
    }

    /// An emit to this client alone whose answer is waited for so long.
    pub fn timeout(&self, time: Duration) -> Emit {
        self.only().timeout(time)
    }

    /// An emit to this client alone that is dropped if it can't go out at once.
    pub fn volatile(&self) -> Emit {
        self.only().volatile()
    }

    /// An emit to a room, or to another socket by its id, of this namespace; never to this socket itself.
    pub fn to(&self, room: impl Into<Room>) -> Emit {
        self.others().to(room)
    }

    /// An emit to everybody in this namespace but this socket and those in `room`.
    pub fn except(&self, room: impl Into<Room>) -> Emit {
        self.others().except(room)
    }

    /// An emit to everybody in this namespace but this socket.
    pub fn others(&self) -> Emit {
        Emit::new(Arc::clone(self.core()), Arc::clone(&self.0.namespace.name)).except(self.id())
    }

    /// Sends an event to everybody in this namespace but this socket.
    ///
    /// # Errors
    /// As [`Emit::emit`].
    pub fn broadcast(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.others().emit(event, args)
    }

    /// Puts this socket into a room; being in it already is fine.
    ///
    /// # Errors
    /// [Closed](Error::is_closed) if the socket is gone; code `room` if the name is too long, if the socket is
    /// in too many rooms, or if the name has the shape of somebody else's socket id: such a room is there to
    /// send to, not to listen in.
    pub fn join(&self, room: impl Into<Room>) -> Result<()> {
        let room = room.into();
        let config = self.core().config();
        if room.as_str().len() > config.room_name {
            return Err(refused_room("the name of the room is too long"));
        }
        match SocketId::parse(room.as_str()) {
            Some(own) if own == self.id() => return Ok(()),
            Some(_) => return Err(refused_room("the room belongs to the socket of that id")),
            None => {}
        }
        let rooms = &self.0.namespace.rooms;
        rooms
            .join(&self.id(), room.clone(), config.rooms)
            .map_err(|refused| match refused {
                NotJoined::Gone => closed(),
                NotJoined::TooMany => refused_room("the socket is in too many rooms"),
            })?;
        self.observers().notify_added(|| Observation::Joined {
            namespace: self.namespace(),
            socket: self.id(),
            room: &room,
        });
        Ok(())
    }

    /// Takes this socket out of a room; not being in it is fine. It never leaves the room of its own id.
    pub fn leave(&self, room: impl Into<Room>) {
        let room = room.into();
        self.0.namespace.rooms.leave(&self.id(), &room);
        self.observers().notify_added(|| Observation::Left {
            namespace: self.namespace(),
            socket: self.id(),
            room: &room,
        });
    }

    /// Whether it is in a room; it never leaves that of its own id. In the disconnect handler: whether it was.
    ///
    /// ```
    /// use koio::{ensure, on, Context, Result};
    ///
    /// #[on("say")]
    /// async fn say(ctx: Context, room: String, text: String) -> Result<()> {
    ///     ensure!(ctx.socket().is_in(&room), "not_in_room", "join first");
    ///     ctx.to(room).emit("said", text)
    /// }
    /// ```
    #[must_use]
    pub fn is_in(&self, room: impl Into<Room>) -> bool {
        let room = room.into();
        if room.as_str() == self.id().as_str() {
            return true;
        }
        if self.0.state.load(Ordering::Acquire) == CLOSED {
            let extras = self.extras();
            return extras
                .as_ref()
                .is_some_and(|extras| extras.left.contains(&room));
        }
        self.0.namespace.rooms.is_in(&self.id(), &room)
    }

    /// The rooms it is in, that of its own id aside. In the disconnect handler: those it was in.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        if self.0.state.load(Ordering::Acquire) == CLOSED {
            let extras = self.extras();
            return extras
                .as_ref()
                .map_or_else(Vec::new, |extras| extras.left.clone());
        }
        self.0.namespace.rooms.rooms_of(&self.id())
    }

    /// Puts the client out of this namespace. It is told (protocol section "Disconnection from a namespace") and
    /// will not come back by itself; its other namespaces stay. What was emitted before is still sent; events
    /// that wait for a handler are dropped; the disconnect handler runs.
    pub fn disconnect(&self) {
        if !self.is_connected() {
            return;
        }
        // Closed first: only one of two who do this at once says so, and nothing is accepted behind it.
        if self.close() {
            self.reply(wire::disconnect(self.namespace()));
            let reason = CloseReason::ServerNamespaceDisconnect;
            self.connection().ask_to_close(self.clone(), reason);
        }
    }

    /// Puts the client out of all its namespaces and closes the connection.
    pub fn disconnect_all(&self) {
        self.connection().ask_to_leave_all();
    }

    /// Keeps a value with this socket, one of each type, in place of an earlier one of that type.
    pub fn set<T: Any + Send + Sync>(&self, value: T) {
        let value = Arc::new(value);
        let mut extras = self.extras();
        let before = extras
            .get_or_insert_default()
            .data
            .insert(TypeId::of::<T>(), value);
        // Its own drop is the user's code.
        drop(extras);
        drop(before);
    }

    /// The value of this type that was [set](Self::set).
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let extras = self.extras();
        let value = extras.as_ref()?.data.get(&TypeId::of::<T>()).cloned();
        drop(extras);
        value?.downcast().ok()
    }

    /// Takes out the value of this type that was [set](Self::set).
    #[allow(clippy::must_use_candidate, reason = "it may just be wanted gone")]
    pub fn remove<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let mut extras = self.extras();
        let value = extras
            .as_mut()
            .and_then(|extras| extras.data.remove(&TypeId::of::<T>()));
        drop(extras);
        value?.downcast().ok()
    }

    /// Queues an event for this client, or says why not.
    pub(super) fn deliver(&self, draft: Draft) -> Result<()> {
        if self.0.state.load(Ordering::Acquire) == CLOSED {
            return Err(closed());
        }
        self.session().send_draft(draft).map_err(refused)
    }

    /// Queues an answer of the protocol itself, which is never refused for want of room.
    pub(super) fn reply(&self, frame: Frame) {
        let _ = self.session().reply(frame);
    }

    /// Writes the answer to an event of this client, for [`send_answer`](Self::send_answer).
    ///
    /// # Errors
    /// The answer does not serialise, or holds more than ten binaries.
    pub(crate) fn answer(&self, id: u64, args: &(impl Serialize + ?Sized)) -> Result<Draft> {
        wire::ack_draft(self.namespace(), id, args).map_err(not_sent)
    }

    /// Answers an event of this client. Nothing happens if it is gone.
    pub(crate) fn send_answer(&self, answer: Draft) {
        if self.0.state.load(Ordering::Acquire) != CLOSED {
            let _ = self.session().reply_draft(answer);
        }
    }

    /// Those who are told what happens in its server.
    pub(crate) fn observers(&self) -> &Observers {
        &self.core().observers
    }

    /// The client broke the protocol in something that was read late: its session ends.
    pub(crate) fn protocol_error(&self, cause: fmt::Arguments<'_>) {
        let sid = self.session().sid();
        self.observers()
            .notify(&Observation::ProtocolError { sid, cause });
        self.session().close(CloseReason::ForcedClose);
    }

    /// CONNECT is answered. The answer goes first, then the socket hears what is sent to its rooms.
    pub(super) fn open(&self, connected: Frame) -> bool {
        if self.session().reply(connected).is_err() {
            return false;
        }
        let order = Ordering::AcqRel;
        self.0
            .state
            .compare_exchange(CONNECTING, CONNECTED, order, Ordering::Acquire)
            .is_ok()
    }

    /// Leaves every room, ends every wait for an ack, and refuses every later emit. True the first time.
    pub(super) fn close(&self) -> bool {
        if self.0.state.swap(CLOSED, Ordering::AcqRel) == CLOSED {
            return false;
        }
        let rooms = self.0.namespace.rooms.remove(&self.id());
        if !rooms.is_empty() {
            self.extras().get_or_insert_default().left = rooms;
        }
        self.core().tidy(&self.0.namespace);
        self.0.acks.close();
        true
    }
}

pub(super) fn closed() -> Error {
    Error::closed()
}

pub(super) fn refused(refused: SendError) -> Error {
    match refused {
        SendError::Full => Error::full(),
        SendError::Closed => closed(),
    }
}

fn refused_room(why: &'static str) -> Error {
    Error::new("room", why)
}

impl Recipient for Socket {
    fn id(&self) -> &SocketId {
        &self.0.id
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
