//! Emitting: encode once, choose whom, queue for each.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    AckFuture, AcksFuture, Socket, ack::AskedSocket, io_handle::ServerCore, socket::closed,
};
use crate::{
    Error, Result,
    adapter::{Selection, Target},
    engine::{CloseReason, Fanout, SendError},
    ids::{Room, SocketId},
    observe::Observation,
    wire::{self, Draft, EncodeError, Frame},
};

/// An emit in the making: to whom, and how. Every method returns a new one, so a part can be kept and reused.
///
/// A socket that is meant twice (in two of the rooms) gets the event once. What is emitted is encoded once,
/// whatever the number of recipients, and queued for each of them before the call returns.
#[derive(Clone)]
#[must_use = "nothing is sent until `emit` is called"]
pub struct Emit {
    core: Arc<ServerCore>,
    namespace: Arc<str>,
    target: Target,
    /// One socket and no other, whatever the target says.
    only: Option<Socket>,
    volatile: bool,
    timeout: Option<Duration>,
}

impl Emit {
    pub(super) fn new(core: Arc<ServerCore>, namespace: Arc<str>) -> Self {
        Self {
            core,
            namespace,
            target: Target::default(),
            only: None,
            volatile: false,
            timeout: None,
        }
    }

    pub(super) fn to_socket(socket: Socket) -> Self {
        let core = Arc::clone(socket.io().core());
        let namespace = Arc::clone(&socket.live_namespace().name);
        Self {
            only: Some(socket),
            ..Self::new(core, namespace)
        }
    }

    /// Also to those in this room; a socket id is the room of that socket. Without any room: to everybody in
    /// the namespace.
    pub fn to(mut self, room: impl Into<Room>) -> Self {
        self.target.rooms.push(room.into());
        self
    }

    /// Not to those in this room.
    pub fn except(mut self, room: impl Into<Room>) -> Self {
        self.target.except.push(room.into());
        self
    }

    /// Drops the event for every recipient that can't take it at once: one whose network is busy, or who polls
    /// and has no request waiting. Dropped ones are counted.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Only to clients of this node. Without a cluster that is everybody.
    pub fn local(self) -> Self {
        self
    }

    /// How long [`emit_with_ack`](Self::emit_with_ack) waits. Default
    /// [`ack_timeout`](crate::config::SocketConfig::ack_timeout).
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Sends an event. For `args` see [`Socket::emit`].
    ///
    /// # Errors
    /// To a single socket (a [`Socket`], or one id as the only room): [full](Error::is_full) if it does not
    /// read fast enough (nothing was queued), [closed](Error::is_closed) if it is gone. To rooms or everybody
    /// it fails only for what is the caller's fault: a reserved name, a value that does not serialise, more
    /// than ten binaries. A recipient that is full is then closed as a
    /// [slow consumer](CloseReason::SlowConsumer), at nobody else's cost.
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        let draft = wire::event_draft(&self.namespace, None, event, &args).map_err(not_sent)?;
        match self.single() {
            Some(single) => {
                self.deliver(&single.ok_or_else(closed)?, draft)?;
                self.sent(event, 1);
            }
            None => {
                let recipients = self.deliver_to_all(&draft.into_frame());
                self.sent(event, recipients);
            }
        }
        Ok(())
    }

    fn sent(&self, event: &str, recipients: usize) {
        self.core.observers.notify_added(|| Observation::EventSent {
            namespace: &self.namespace,
            event,
            recipients,
        });
    }

    /// Sends an event to a single socket and waits for its answer.
    ///
    /// `T` is the first argument of the answer; `()` takes any. The event is queued before this returns; the
    /// future only waits, and ends exactly once.
    ///
    /// # Errors
    /// What [`emit`](Self::emit) says, and: [timeout](Error::is_timeout), [disconnected](Error::is_disconnected)
    /// if the socket closes before it has answered, `bad_request` if the answer does not fit `T`, and
    /// [full](Error::is_full) if too many answers are waited for. Code `not_one_socket` if this emit means
    /// anything but one socket.
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    ///
    /// # Cancel safety
    /// Dropping the future drops the answer, and gives its place among the
    /// [`pending_acks`](crate::config::SocketConfig::pending_acks) back. The event is sent all the same.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        match self.single() {
            Some(Some(socket)) => {
                let timeout = self.timeout.unwrap_or(self.core.config().ack_timeout);
                AckFuture::send(&socket, event, &args, timeout)
            }
            Some(None) => AckFuture::failed(closed()),
            None => AckFuture::failed(not_one_socket()),
        }
    }

    /// Sends an event to everybody meant and waits for the answer of each.
    ///
    /// `T` is the first argument of an answer; `()` takes any. The event is encoded once and queued for all before
    /// this returns; the future only waits, until all have answered or [`timeout`](Self::timeout) has passed. It
    /// gives the answers in no particular order, each with the id of its socket: what
    /// [`emit_with_ack`](Self::emit_with_ack) says of one holds for each of them. Nobody meant is an empty list.
    /// [`volatile`](Self::volatile) changes nothing here.
    ///
    /// # Errors
    /// As [`emit`](Self::emit) to many: only what is the caller's fault. That one recipient is full or closed,
    /// or does not answer, is in the list.
    ///
    /// # Panics
    /// Outside a tokio runtime, which keeps the time.
    ///
    /// # Cancel safety
    /// Dropping the future drops the answers. The event is sent all the same.
    ///
    /// ```no_run
    /// # use koio::{Context, Result, on};
    /// # use std::time::Duration;
    /// #[on("vote")]
    /// async fn vote(ctx: Context, question: String) -> Result<usize> {
    ///     let everybody = ctx.io().timeout(Duration::from_secs(5));
    ///     let answers = everybody.emit_with_acks::<bool>("question", question).await?;
    ///     Ok(answers.iter().filter(|(_, answer)| matches!(answer, Ok(true))).count())
    /// }
    /// ```
    pub fn emit_with_acks<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Serialize,
    ) -> AcksFuture<T> {
        let timeout = self.timeout.unwrap_or(self.core.config().ack_timeout);
        AcksFuture::new(self.ask_all(event, &args), timeout)
    }

    fn ask_all(&self, event: &str, args: &impl Serialize) -> Result<Vec<AskedSocket>> {
        let namespace = self.core.find(&self.namespace);
        let id = namespace.map_or(0, |namespace| namespace.next_ack());
        let frame = wire::event(&self.namespace, Some(id), event, args).map_err(not_sent)?;
        let limit = self.core.config().pending_acks;
        let mut fanout = Fanout::new(&frame);
        let recipients = self.recipients();
        let ask = |socket| AskedSocket::new(socket, id, limit, || self.share(socket, &mut fanout));
        let asked: Vec<_> = recipients.iter().map(ask).collect();
        fanout.finish();
        self.sent(event, asked.len());
        Ok(asked)
    }

    /// The sockets that an emit would go to now.
    pub async fn fetch_sockets(&self) -> Vec<Socket> {
        self.recipients().iter().cloned().collect()
    }

    /// Puts everybody meant into a room.
    ///
    /// # Errors
    /// The first refusal, after all have been tried; see [`Socket::join`].
    pub fn sockets_join(&self, room: impl Into<Room>) -> Result<()> {
        let room = room.into();
        let mut result = Ok(());
        for socket in self.recipients().iter() {
            let joined = socket.join(&room);
            // One that has closed meanwhile is nobody's fault.
            if result.is_ok() && joined.as_ref().is_err_and(|error| !error.is_closed()) {
                result = joined;
            }
        }
        result
    }

    /// Takes everybody meant out of a room.
    pub fn sockets_leave(&self, room: impl Into<Room>) {
        let room = room.into();
        for socket in self.recipients().iter() {
            socket.leave(&room);
        }
    }

    /// [Disconnects](Socket::disconnect) everybody meant.
    pub fn disconnect_sockets(&self) {
        for socket in self.recipients().iter() {
            socket.disconnect();
        }
    }

    /// `Some` if a single socket is meant by name: then the caller is told what became of it.
    fn single(&self) -> Option<Option<Socket>> {
        if let Some(socket) = &self.only {
            return Some(Some(socket.clone()));
        }
        let [room] = self.target.rooms.as_slice() else {
            return None;
        };
        let id = SocketId::parse(room.as_str())?;
        let except = &self.target.except;
        let namespace = self.core.find(&self.namespace);
        let is_in = |room| {
            let namespace = namespace.as_ref();
            namespace.is_some_and(|namespace| namespace.rooms.is_in(&id, room))
        };
        if except.contains(room) || except.iter().any(is_in) {
            // It is left out: nobody is meant.
            return None;
        }
        let socket = namespace.and_then(|namespace| namespace.rooms.get(&id));
        Some(socket.filter(Socket::is_connected))
    }

    fn recipients(&self) -> Meant {
        let chosen = match (&self.only, self.core.find(&self.namespace)) {
            (Some(socket), _) => Selection::one(socket.clone()),
            (None, Some(namespace)) => namespace.rooms.choose(&self.target),
            (None, None) => Selection::none(),
        };
        Meant {
            chosen,
            connecting: self.only.is_some(),
        }
    }

    fn deliver(&self, socket: &Socket, draft: Draft) -> Result<()> {
        if self.volatile {
            if !socket.is_open() {
                return Err(closed());
            }
            if !socket.session().send_volatile(&draft.into_frame()) {
                self.volatile_dropped(socket);
            }
            return Ok(());
        }
        socket.deliver(draft)
    }

    /// Returns for how many sockets it was.
    fn deliver_to_all(&self, frame: &Frame) -> usize {
        let mut fanout = Fanout::new(frame);
        let mut recipients = 0;
        for socket in self.recipients().iter() {
            recipients += 1;
            if self.volatile {
                if !fanout.send_volatile(socket.session()) {
                    self.volatile_dropped(socket);
                }
                continue;
            }
            // One that has closed since it was chosen misses nothing that it could have seen.
            let _ = self.share(socket, &mut fanout);
        }
        fanout.finish();
        recipients
    }

    fn volatile_dropped(&self, socket: &Socket) {
        self.core.observers.notify(&Observation::VolatileDropped {
            namespace: &self.namespace,
            socket: socket.id(),
        });
    }

    /// Sends a frame to one of many. Who can't take it is closed, at nobody else's cost.
    fn share(&self, socket: &Socket, fanout: &mut Fanout<'_>) -> Result<(), SendError> {
        let sent = fanout.send(socket.session());
        if sent == Err(SendError::Full) {
            socket.session().cut(CloseReason::SlowConsumer);
        }
        sent
    }
}

/// Who was meant, as far as they are connected.
struct Meant {
    chosen: Selection<Socket>,
    /// Also if it is not connected yet: whoever holds a socket may speak of it.
    connecting: bool,
}

impl Meant {
    fn iter(&self) -> impl Iterator<Item = &Socket> {
        let all = self.chosen.iter();
        all.filter(|socket| self.connecting || socket.is_connected())
    }
}

impl fmt::Debug for Emit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit")
            .field("namespace", &self.namespace)
            .field("rooms", &self.target.rooms)
            .field("except", &self.target.except)
            .finish_non_exhaustive()
    }
}

/// The program's mistake, and none of a client's business.
fn not_one_socket() -> Error {
    let message = "`emit_with_ack` waits for one socket: to ask several there is `emit_with_acks`";
    Error::new("not_one_socket", message).hide()
}

/// What the caller did wrong, as the error that it gets.
pub(super) fn not_sent(error: EncodeError) -> Error {
    Error::from(error)
}
