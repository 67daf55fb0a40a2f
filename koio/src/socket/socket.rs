//! One client in one namespace.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use super::{
    ack::PendingAcks,
    additions::AddedKinds,
    connection::Connection,
    error::{closed, not_sent, refused},
    extras::SocketExtras,
    handshake::Handshake,
    namespace::LiveNamespace,
    server_core::ServerCore,
};
use crate::{
    Result,
    adapter::Recipient,
    engine::{CloseReason, Session, TransportKind},
    ids::{Room, SocketId},
    observe::{Observation, Observers},
    wire::{self, Draft, Frame, PacketLimits},
};

/// The state of a socket whose CONNECT has not been answered.
const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
const CLOSED: u8 = 2;

/// The bit of `held_acks` that says that the session's task waits for the last of them.
const DRAINING: u32 = 1 << 31;

/// One client in one namespace, until it disconnects. Cloning costs a reference count; a clone may be kept and
/// used after the socket has closed: emits then fail as [closed](crate::Error::is_closed).
///
/// Emitting never waits: it encodes, queues and returns.
#[derive(Clone)]
pub struct Socket(Arc<SocketInner>);

struct SocketInner {
    id: SocketId,
    namespace: Arc<LiveNamespace<Socket>>,
    connection: Arc<Connection<Socket>>,
    handshake: Handshake,
    /// The answer to its CONNECT; the values are [`Accept`](super::Accept)'s.
    connect_answer: AtomicU8,
    state: AtomicU8,
    /// What its extras hold for events that come and go.
    added: AddedKinds,
    /// The [`Ack`](crate::Ack)s that handlers hold, and [`DRAINING`].
    held_acks: AtomicU32,
    acks: PendingAcks,
    /// Boxed, since most sockets have none.
    extras: Mutex<Option<Box<SocketExtras>>>,
}

impl Socket {
    /// `auth`: the payload of its CONNECT.
    pub(super) fn new(
        id: SocketId,
        namespace: Arc<LiveNamespace<Self>>,
        connection: Arc<Connection<Self>>,
        auth: &[u8],
    ) -> Self {
        let handshake = Handshake::new(Arc::clone(&connection) as _, auth);
        let socket = Self(Arc::new(SocketInner {
            id,
            namespace,
            connection,
            handshake,
            connect_answer: AtomicU8::new(0),
            state: AtomicU8::new(CONNECTING),
            added: AddedKinds::default(),
            held_acks: AtomicU32::new(0),
            acks: PendingAcks::default(),
            extras: Mutex::default(),
        }));
        // A member from the start, so that middleware can put it into rooms. Delivery skips it until it is connected.
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

    /// What the client sent when it connected.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
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

    /// Whether neither the socket nor its session has closed.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_closed() && self.session().is_open()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == CLOSED
    }

    pub(super) fn extras(&self) -> MutexGuard<'_, Option<Box<SocketExtras>>> {
        self.0.extras.lock()
    }

    pub(super) fn added_kinds(&self) -> &AddedKinds {
        &self.0.added
    }

    /// Whether both are handles of one socket. Another one has the same id if its client was in the namespace before: with
    /// recovery, and in revision 3 of the protocol.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn core(&self) -> &Arc<ServerCore<Self>> {
        &self.0.connection.core
    }

    /// The limits of what its client may send.
    pub(crate) fn packet_limits(&self) -> &PacketLimits {
        &self.core().config().packets
    }

    pub(super) fn session(&self) -> &Session {
        &self.0.connection.session
    }

    /// Why an ack of this client can't come: its connection is not read. `None` if it is.
    pub(super) fn unread(&self) -> Option<u32> {
        self.0.connection.unread()
    }

    pub(super) fn connect_answer(&self) -> &AtomicU8 {
        &self.0.connect_answer
    }

    pub(super) fn acks(&self) -> &PendingAcks {
        &self.0.acks
    }

    pub(super) fn live_namespace(&self) -> &Arc<LiveNamespace<Self>> {
        &self.0.namespace
    }

    /// Disconnects the client from this namespace. It gets a DISCONNECT packet (protocol section "Disconnection from a
    /// namespace") and will not come back by itself; its other namespaces stay. What was emitted before is still sent;
    /// events that wait for a handler are dropped; the disconnect handler runs.
    pub fn disconnect(&self) {
        if !self.is_connected() {
            return;
        }
        // Closed first: of two concurrent calls one sends the packet, and nothing is accepted after it.
        if self.close() {
            self.reply(wire::disconnect(self.namespace()));
            let reason = CloseReason::ServerNamespaceDisconnect;
            self.request_close(reason);
        }
    }

    /// Disconnects the client from all its namespaces and closes the connection.
    pub fn disconnect_all(&self) {
        self.0.connection.request_close_all();
    }

    /// Queues an event for this client.
    pub(super) fn deliver(&self, draft: Draft) -> Result<()> {
        let watched = self.watched(&draft);
        match self.log() {
            Some(log) => self.deliver_in_order(log, draft, false).map(drop),
            None => self.send_now(draft),
        }?;
        self.tell_watched(watched);
        Ok(())
    }

    /// Queues an event for this client, if that can take it at once. False if not.
    pub(super) fn deliver_volatile(&self, draft: Draft) -> Result<bool> {
        if !self.is_open() {
            return Err(closed());
        }
        if let Some(log) = self.log() {
            return self.deliver_in_order(log, draft, true);
        }
        let parser = self.core().parser();
        let draft = parser.draft(draft, self.namespace()).map_err(not_sent)?;
        Ok(self.session().send_volatile(&draft.into_frame()))
    }

    /// Queues an event that is for this connection alone: it waits for an answer.
    pub(super) fn deliver_now(&self, draft: Draft) -> Result<()> {
        let watched = self.watched(&draft);
        self.send_now(draft)?;
        self.tell_watched(watched);
        Ok(())
    }

    fn send_now(&self, draft: Draft) -> Result<()> {
        if self.is_closed() {
            return Err(closed());
        }
        let parser = self.core().parser();
        let draft = parser.draft(draft, self.namespace()).map_err(not_sent)?;
        self.session().send_draft(draft).map_err(refused)
    }

    /// Queues a packet of the protocol itself, which a full queue does not refuse.
    pub(super) fn reply(&self, frame: Frame) {
        let frame = self.core().parser().control(frame, self.namespace());
        let _ = self.session().reply(frame);
    }

    /// Encodes the answer to an event of this client, for [`send_answer`](Self::send_answer).
    ///
    /// # Errors
    /// The answer does not serialise, or holds more than ten binaries.
    pub(crate) fn answer(&self, id: u64, args: &(impl Serialize + ?Sized)) -> Result<Draft> {
        let parser = self.core().parser();
        wire::ack_draft(self.namespace(), id, args)
            .and_then(|draft| parser.draft(draft, self.namespace()))
            .map_err(not_sent)
    }

    /// Answers an event of this client. If that is gone, the answer is counted as lost.
    pub(crate) fn send_answer(&self, answer: Draft) {
        if self.is_closed() || self.session().reply_draft(answer).is_err() {
            self.observers().notify(&Observation::AnswerLost {
                namespace: self.namespace(),
                socket: self.id(),
            });
        }
    }

    /// An [`Ack`](crate::Ack) is handed out for an event of this client. A shutdown waits for it.
    pub(crate) fn ack_taken(&self) {
        // A count beyond the mark would need 2^31 events in memory.
        self.0.held_acks.fetch_add(1, Ordering::Relaxed);
    }

    /// That [`Ack`](crate::Ack) has answered, or will not.
    pub(crate) fn ack_dropped(&self) {
        // `AcqRel`: the task that sees the count at zero sees the answer too.
        if self.0.held_acks.fetch_sub(1, Ordering::AcqRel) == DRAINING + 1 {
            self.session().wake();
        }
    }

    /// Whether an [`Ack`](crate::Ack) is held. From here on the last one wakes the session's task.
    pub(super) fn owes_answers(&self) -> bool {
        self.0.held_acks.fetch_or(DRAINING, Ordering::AcqRel) & !DRAINING > 0
    }

    /// The observers of the server that it belongs to.
    pub(crate) fn observers(&self) -> &Observers {
        &self.core().local.observers
    }

    /// Notifies the observers that an event was queued for this client alone.
    pub(super) fn sent(&self, event: &str) {
        self.observers().notify_added(|| Observation::EventSent {
            namespace: self.namespace(),
            event,
            recipients: 1,
        });
    }

    /// Closes the session: an argument that was read turned out to break the protocol.
    pub(crate) fn protocol_error(&self, cause: fmt::Arguments<'_>) {
        let sid = self.session().sid();
        self.observers()
            .notify(&Observation::ProtocolError { sid, cause });
        self.session().close(CloseReason::ForcedClose);
    }

    /// Answers CONNECT. Emits to its rooms reach the socket only after that. False if it has closed.
    pub(super) fn open(&self) -> bool {
        if let Some(log) = self.log() {
            return self.open_in_order(log);
        }
        let connected = self
            .core()
            .parser()
            .control(self.welcome(), self.namespace());
        self.session().reply(connected).is_ok() && self.mark_connected()
    }

    /// CONNECT has been answered. False if it has closed.
    pub(super) fn mark_connected(&self) -> bool {
        let order = Ordering::AcqRel;
        self.0
            .state
            .compare_exchange(CONNECTING, CONNECTED, order, Ordering::Acquire)
            .is_ok()
    }

    /// From here on every emit is refused. True the first time.
    pub(super) fn mark_closed(&self) -> bool {
        self.0.state.swap(CLOSED, Ordering::AcqRel) != CLOSED
    }

    /// Leaves every room, ends every wait for an ack, and refuses every later emit. True the first time.
    pub(super) fn close(&self) -> bool {
        if let Some(log) = self.log() {
            return self.close_in_order(log);
        }
        if !self.mark_closed() {
            return false;
        }
        let rooms = self.0.namespace.rooms.remove(&self.id());
        self.closed(rooms);
        true
    }

    /// It is closed, and out of these rooms, of which it was the last in some.
    pub(super) fn closed(&self, rooms: Vec<(Room, bool)>) {
        if !rooms.is_empty() {
            // Ahead of the observers, which may be slow: the disconnect handler asks for it.
            let left = rooms.iter().map(|(room, _)| room.clone()).collect();
            self.extras().get_or_insert_default().left = left;
        }
        for (room, last) in &rooms {
            self.observers().notify_added(|| Observation::Left {
                namespace: self.namespace(),
                socket: self.id(),
                room,
                last: *last,
            });
        }
        self.core().local.leave(&self.0.namespace);
        self.0.acks.close();
        // The session may go on, with a full queue.
        self.session().wake_waiters();
    }

    /// The session's task is to run the disconnect handler of this socket, which is closed.
    pub(super) fn request_close(&self, reason: CloseReason) {
        self.0.connection.request_close(self.clone(), reason);
    }
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
