//! Emitting: encode once, choose whom, queue for each.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::oneshot, time::Sleep};

use super::{
    Socket,
    acks::NoWait,
    handle::{closed, refused},
    io::Core,
};
use crate::{
    Error, Result,
    adapter::{Chosen, Target},
    engine::{CloseReason, Fanout, SendError},
    ids::{Room, SocketId},
    wire::{self, Draft, EncodeError, Frame, RawArgs},
};

/// An emit in the making: to whom, and how. Every method returns a new one, so a part can be kept and reused.
///
/// A socket that is meant twice (in two of the rooms) gets the event once. What is emitted is encoded once,
/// whatever the number of recipients, and queued for each of them before the call returns.
#[derive(Clone)]
#[must_use = "nothing is sent until `emit` is called"]
pub struct Emit {
    core: Arc<Core>,
    namespace: Arc<str>,
    target: Target,
    /// One socket and no other, whatever the target says.
    only: Option<Socket>,
    volatile: bool,
    timeout: Option<Duration>,
}

impl Emit {
    pub(super) fn new(core: Arc<Core>, namespace: Arc<str>) -> Self {
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
    /// [`ack_timeout`](crate::SocketConfig::ack_timeout).
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
            Some(single) => self.deliver(&single.ok_or_else(closed)?, draft),
            None => {
                self.deliver_to_all(&draft.into_frame());
                Ok(())
            }
        }
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
    /// [`pending_acks`](crate::SocketConfig::pending_acks) back. The event is sent all the same.
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
            None => AckFuture::failed(Error::new(
                "not_one_socket",
                "an ack can be waited for from one socket only",
            )),
        }
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
        if self.target.except.contains(room) {
            return None;
        }
        let namespace = self.core.find(&self.namespace);
        let socket = namespace.and_then(|namespace| namespace.rooms.get(&id));
        let excepted = !self.target.except.is_empty() && self.recipients().iter().next().is_none();
        if excepted && socket.is_some() {
            // It is in one of the rooms that are left out: nobody is meant.
            return None;
        }
        Some(socket.filter(Socket::is_connected))
    }

    fn recipients(&self) -> Recipients {
        let chosen = match (&self.only, self.core.find(&self.namespace)) {
            (Some(socket), _) => Chosen::one(socket.clone()),
            (None, Some(namespace)) => namespace.rooms.choose(&self.target),
            (None, None) => Chosen::none(),
        };
        Recipients {
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
                self.core.counters.volatile_dropped.add();
            }
            return Ok(());
        }
        socket.deliver(draft)
    }

    fn deliver_to_all(&self, frame: &Frame) {
        let mut fanout = Fanout::new(frame);
        for socket in self.recipients().iter() {
            if self.volatile {
                if !fanout.send_volatile(socket.session()) {
                    self.core.counters.volatile_dropped.add();
                }
                continue;
            }
            match fanout.send(socket.session()) {
                // One that has closed since it was chosen misses nothing that it could have seen.
                Ok(()) | Err(SendError::Closed) => {}
                Err(SendError::Full) => {
                    tracing::debug!(socket = %socket.id(), "slow consumer");
                    socket.session().cut(CloseReason::SlowConsumer);
                }
            }
        }
        fanout.finish();
    }
}

/// Who was meant, as far as they are connected.
struct Recipients {
    chosen: Chosen<Socket>,
    /// Also if it is not connected yet: whoever holds a socket may speak of it.
    connecting: bool,
}

impl Recipients {
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

/// What the caller did wrong, as the error that it gets.
pub(super) fn not_sent(error: EncodeError) -> Error {
    Error::from(error)
}

/// Waits for the answer to an emit; see [`Emit::emit_with_ack`].
#[must_use = "the answer is lost if nobody waits for it"]
pub struct AckFuture<T> {
    state: State,
    answer: PhantomData<fn() -> T>,
}

enum State {
    Failed(Option<Error>),
    Waiting(Box<Waiting>),
}

struct Waiting {
    socket: Socket,
    id: u64,
    answered: oneshot::Receiver<RawArgs>,
    timer: Pin<Box<Sleep>>,
}

impl<T: DeserializeOwned> AckFuture<T> {
    fn failed(error: Error) -> Self {
        Self {
            state: State::Failed(Some(error)),
            answer: PhantomData,
        }
    }

    pub(super) fn send(
        socket: &Socket,
        event: &str,
        args: &impl Serialize,
        timeout: Duration,
    ) -> Self {
        match Self::try_send(socket, event, args, timeout) {
            Ok(waiting) => Self {
                state: State::Waiting(Box::new(waiting)),
                answer: PhantomData,
            },
            Err(error) => Self::failed(error),
        }
    }

    fn try_send(
        socket: &Socket,
        event: &str,
        args: &impl Serialize,
        timeout: Duration,
    ) -> Result<Waiting> {
        let namespace = socket.live_namespace();
        let id = namespace.next_ack();
        let draft = wire::event_draft(&namespace.name, Some(id), event, args).map_err(not_sent)?;
        let limit = socket.io().core().config().pending_acks;
        // Waited for before it is sent: the answer may come from another thread at once.
        let answered = socket.acks().wait(id, limit).map_err(|no| match no {
            NoWait::Closed => closed(),
            NoWait::Full => refused(SendError::Full),
        })?;
        if let Err(error) = socket.deliver(draft) {
            socket.acks().forget(id);
            return Err(error);
        }
        Ok(Waiting {
            socket: socket.clone(),
            id,
            answered,
            timer: Box::pin(tokio::time::sleep(timeout)),
        })
    }
}

impl<T: DeserializeOwned> Future for AckFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let waiting = match &mut self.state {
            State::Failed(error) => {
                let error = error.take();
                return Poll::Ready(Err(error.unwrap_or_else(disconnected)));
            }
            State::Waiting(waiting) => waiting,
        };
        // The answer before the deadline: one that came in time is not late because this was polled late.
        let result = match Pin::new(&mut waiting.answered).poll(cx) {
            Poll::Ready(Ok(args)) => first(&args),
            Poll::Ready(Err(_)) => Err(disconnected()),
            Poll::Pending => match waiting.timer.as_mut().poll(cx) {
                Poll::Ready(()) => {
                    Err(Error::new(Error::TIMEOUT, "the client did not answer in time").hide())
                }
                Poll::Pending => return Poll::Pending,
            },
        };
        self.state = State::Failed(None);
        Poll::Ready(result)
    }
}

/// The first argument of an answer.
fn first<T: DeserializeOwned>(args: &RawArgs) -> Result<T> {
    let mut reader = args.reader();
    reader
        .next_or_null()
        .map_err(|error| Error::bad_request(format!("the client's answer: {error}")).hide())
}

fn disconnected() -> Error {
    Error::new(
        Error::DISCONNECTED,
        "the client disconnected before it answered",
    )
    .hide()
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.socket.acks().forget(self.id);
    }
}

impl<T> fmt::Debug for AckFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture").finish_non_exhaustive()
    }
}

// The answer is made when it has arrived: nothing of `T` is in here.
impl<T> Unpin for AckFuture<T> {}
