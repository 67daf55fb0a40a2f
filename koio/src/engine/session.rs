//! [`Session`]: the handle to a session, for everything but its own task.

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use super::{
    CloseReason, EngineConfig,
    commands::{Command, CommandQueue, NotTaken},
    ending::Ending,
    outbox::{NotQueued, Outbox, SendError, SlowCause, Urgency, WriteBudget},
    session_deflate::SessionDeflate,
    transport::Transport,
    transport_kind::TransportKind,
};
use crate::{
    ids::Sid,
    wire::{Draft, Frame, Message, PerMessageDeflate, Revision},
};

/// A handle to one Engine.IO session: sends to its client, and ends it. Cloning costs a reference count.
#[derive(Clone)]
pub struct Session(Arc<SessionShared>);

/// What the session's task shares with the handles.
pub(crate) struct SessionShared {
    pub(crate) sid: Sid,
    pub(crate) outbox: Outbox,
    pub(crate) commands: CommandQueue,
    revision: Revision,
    /// The [`TransportKind`] in use.
    transport: AtomicU8,
    /// [`SAID`], [`COUNTED`]. Here and not in the session's task, which is at its size.
    connected: AtomicU8,
    deflate: SessionDeflate,
}

/// The layer above has said that the client is connected.
const SAID: u8 = 1;
/// The session is counted as connected.
const COUNTED: u8 = 2;

impl SessionShared {
    /// The session moves to a transport of this kind.
    pub(crate) fn set_transport(
        &self,
        kind: TransportKind,
        mailbox: Option<Arc<dyn Any + Send + Sync>>,
    ) {
        self.transport.store(kind as u8, Ordering::Relaxed);
        self.commands.set_mailbox(mailbox);
    }

    /// The transport of the session takes compressed messages, if the server makes any. For clients of revision 3, whose
    /// frames may be others, it makes none.
    pub(crate) fn compress(&self, config: &EngineConfig) {
        if let Some(settings) = config.deflate()
            && self.revision == Revision::Four
        {
            self.deflate.set(settings);
        }
    }
}

impl Session {
    pub(crate) fn new(
        sid: Sid,
        config: &EngineConfig,
        transport: TransportKind,
        revision: Revision,
        mailbox: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(SessionShared {
            sid,
            outbox: Outbox::new(config),
            commands: CommandQueue::new(mailbox),
            revision,
            transport: AtomicU8::new(transport as u8),
            connected: AtomicU8::new(0),
            deflate: SessionDeflate::default(),
        }))
    }

    pub(crate) fn shared(&self) -> &Arc<SessionShared> {
        &self.0
    }

    /// The session's id: a secret of its client, redacted when shown.
    #[must_use]
    pub fn sid(&self) -> Sid {
        self.0.sid
    }

    pub(crate) fn sid_ref(&self) -> &Sid {
        &self.0.sid
    }

    /// How the client is connected now.
    #[must_use]
    pub fn transport(&self) -> TransportKind {
        TransportKind::from_index(self.0.transport.load(Ordering::Relaxed))
    }

    /// The revision of Engine.IO that the client speaks.
    #[inline]
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.0.revision
    }

    /// A frame as the client's revision has it.
    fn spoken<'a>(&self, frame: &'a Frame) -> Cow<'a, Frame> {
        match self.0.revision {
            Revision::Three { base64 } if frame.differs_in_revision_3() => {
                Cow::Owned(frame.in_revision_3(base64))
            }
            _ => Cow::Borrowed(frame),
        }
    }

    /// [`spoken`](Self::spoken) for a frame with one recipient.
    fn speak(&self, frame: Frame) -> Frame {
        match self.spoken(&frame) {
            Cow::Borrowed(_) => frame,
            Cow::Owned(spoken) => spoken,
        }
    }

    /// Whether the client's revision has other bytes for a draft.
    #[inline]
    fn differs(&self, draft: &Draft) -> bool {
        self.0.revision.is_three() && draft.messages() > 1
    }

    /// Whether the session accepts messages to send.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.outbox.is_closed()
    }

    /// Says whether the client is connected to something in the layer above. A session begins unconnected, if the
    /// [`Acceptor`](super::Acceptor) [reports](super::Acceptor::reports_connected) when it is; the number of
    /// such sessions is limited ([`EngineConfig::max_unconnected`]).
    ///
    /// For the [`Upstream`](super::Upstream) of the session: the session's task counts it when the call to the upstream
    /// returns.
    pub fn set_connected(&self, connected: bool) {
        self.mark_connected(SAID, connected);
    }

    fn mark_connected(&self, bit: u8, is_set: bool) {
        if is_set {
            self.0.connected.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.connected.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// The session was admitted, and is counted as connected or not.
    pub(super) fn begin_connected(&self, connected: bool) {
        self.mark_connected(SAID | COUNTED, connected);
    }

    /// Whether the client is connected, if the layer above has said so and it has not been counted. For the session's task.
    #[inline]
    pub(super) fn take_connected(&self) -> Option<bool> {
        let connected = self.0.connected.load(Ordering::Relaxed);
        if connected == 0 || connected == SAID | COUNTED {
            return None;
        }
        let is_said = connected & SAID != 0;
        self.mark_connected(COUNTED, is_said);
        Some(is_said)
    }

    /// How messages for the client are compressed, if it takes them so.
    #[inline]
    pub(crate) fn deflate(&self) -> Option<PerMessageDeflate> {
        self.0.deflate.get()
    }

    /// The form of a frame for this client, if it is another one.
    #[inline]
    fn compressed(&self, frame: &Frame) -> Option<Frame> {
        frame.compressed(self.deflate()?)
    }

    /// Queues a message for the client. Never waits.
    ///
    /// # Errors
    /// [`SendError::Full`] if the queue is at [`EngineConfig::send_queue_bytes`] already: nothing was queued.
    /// [`SendError::Closed`] if the session is over.
    pub fn send(&self, message: &Message) -> Result<(), SendError> {
        let frame = Frame::message(message);
        let frame = match self.compressed(&frame) {
            Some(compressed) => compressed,
            None => self.speak(frame),
        };
        let sent = self.0.outbox.give(frame, Urgency::Normal);
        sent.map_err(|why| self.0.outbox.refused(why))
    }

    /// Queues a frame that was encoded before, for one or many sessions. If it is to be compressed, that is done for each of
    /// them.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_frame(&self, frame: &Frame) -> Result<(), SendError> {
        let sent = match self.compressed(frame) {
            Some(compressed) => self.0.outbox.give(compressed, Urgency::Normal),
            None => self.0.outbox.push(&self.spoken(frame), Urgency::Normal),
        };
        sent.map_err(|why| self.0.outbox.refused(why))
    }

    /// [`send_frame`](Self::send_frame) for a draft, which has one recipient.
    pub(crate) fn send_draft(&self, draft: Draft) -> Result<(), SendError> {
        if self.differs(&draft) {
            return self.send_frame(&draft.into_frame());
        }
        let sent = self.append(draft, Urgency::Normal);
        sent.map_err(|why| self.0.outbox.refused(why))
    }

    /// Queues a frame only if it would go out at once; says whether it did.
    pub fn send_volatile(&self, frame: &Frame) -> bool {
        let compressed = self.compressed(frame);
        let frame = compressed.as_ref().unwrap_or(frame);
        self.0
            .outbox
            .push_volatile(&self.spoken(frame), &mut WriteBudget::up_to(1))
            .is_some()
    }

    /// Whether so much waits for the client that its queue is at its first mark. Nothing that is answered should be started
    /// then.
    pub(crate) fn is_above_mark(&self) -> bool {
        self.0.outbox.is_above_mark()
    }

    /// Queues an answer, for which there is room up to [`EngineConfig::send_queue_hard`]: while the queue is above its first
    /// mark no event starts, so the client bounds the number. At the second mark the session is cut.
    pub(crate) fn reply(&self, frame: Frame) -> Result<(), NotQueued> {
        let frame = match self.compressed(&frame) {
            Some(compressed) => compressed,
            None => self.speak(frame),
        };
        self.cut_if_slow(self.0.outbox.give(frame, Urgency::Reply))
    }

    /// [`reply`](Self::reply) for the answer to an event.
    pub(crate) fn reply_draft(&self, draft: Draft) -> Result<(), NotQueued> {
        if self.differs(&draft) {
            return self.reply(draft.into_frame());
        }
        self.cut_if_slow(self.append(draft, Urgency::Reply))
    }

    #[inline]
    fn append(&self, draft: Draft, urgency: Urgency) -> Result<(), NotQueued> {
        if let Some(settings) = self.deflate()
            && let Some(compressed) = draft.compressed(settings)
        {
            return self.0.outbox.give(compressed, urgency);
        }
        self.0.outbox.append(draft, urgency)
    }

    /// Ends the session if its queue refused a frame that its client must not miss.
    #[inline]
    pub(crate) fn cut_if_slow<T>(&self, sent: Result<T, NotQueued>) -> Result<T, NotQueued> {
        if matches!(sent, Err(NotQueued::SlowConsumer)) {
            self.cut(CloseReason::SlowConsumer);
        }
        sent
    }

    /// Why the session, which ends as a slow consumer, does so.
    pub(crate) fn slow_cause(&self) -> SlowCause {
        self.0.outbox.slow_cause()
    }

    /// Waits until less than [`EngineConfig::send_queue_bytes`] waits for the client, or the session is over.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn ready(&self) {
        self.ready_unless(|| false).await;
    }

    /// [`ready`](Self::ready), or until `is_over`: see [`Outbox::ready`].
    pub(crate) async fn ready_unless(&self, is_over: impl Fn() -> bool) {
        self.0.outbox.ready(is_over).await;
    }

    /// Waits until the connection has taken all that is queued now. False if the session ends ahead of that, or `is_over`: see
    /// [`Outbox::flushed`].
    pub(crate) async fn flushed_unless(&self, is_over: impl Fn() -> bool) -> bool {
        self.0.outbox.flushed(is_over).await
    }

    /// Wakes the tasks that wait in [`ready_unless`](Self::ready_unless) and [`flushed_unless`](Self::flushed_unless).
    pub(crate) fn wake_waiters(&self) {
        self.0.outbox.wake_waiters();
    }

    /// Ends the session. Queued messages are delivered first, within
    /// [`EngineConfig::close_timeout`]; later messages, in either direction, are refused or dropped.
    pub fn close(&self, reason: CloseReason) {
        self.end(reason, Ending::Flush, None);
    }

    /// As [`close`](Self::close). A WebSocket's close frame says these words, as far as there is room.
    pub(crate) fn close_because(&self, reason: CloseReason, words: &str) {
        self.end(reason, Ending::Flush, Some(words.into()));
    }

    /// Ends the session at once; queued messages are dropped.
    pub fn cut(&self, reason: CloseReason) {
        self.end(reason, Ending::Cut, None);
    }

    /// Starts no further event. The session ends as by [`close`](Self::close) when the events that run are answered.
    pub(crate) fn drain(&self) {
        let _ = self.command(Command::Drain);
    }

    fn end(&self, reason: CloseReason, ending: Ending, words: Option<Box<str>>) {
        // First, so that no frame is accepted that can't be delivered any more.
        self.0.outbox.close(ending);
        let _ = self.command(Command::Close {
            reason,
            ending,
            words,
        });
    }

    fn command(&self, command: Command) -> Result<(), NotTaken> {
        self.0.commands.push(command)?;
        self.0.outbox.wake();
        Ok(())
    }

    /// Wakes the session's task: the layer above or the transport has work for it.
    pub(crate) fn wake(&self) {
        self.0.outbox.wake();
    }

    /// Offers a transport that the session may move to.
    pub(crate) fn probe(&self, transport: Box<dyn Transport>) -> Result<(), NotTaken> {
        self.command(Command::Probe(transport))
    }

    /// Ends the session: the client broke the transport's rules, or aborted a request.
    pub(crate) fn lost(&self, reason: CloseReason) {
        let _ = self.command(Command::Lost(reason));
    }

    /// A connection that carried requests of the session has ended with none under way.
    pub(crate) fn connection_ended(&self) {
        let _ = self.command(Command::ConnectionEnded);
    }

    /// The client has connected again: gives the connection to the transport in use, which knows its type.
    pub(crate) fn reconnect(&self, connection: Box<dyn Any + Send>) -> Result<(), NotTaken> {
        self.command(Command::Reconnected(connection))
    }

    /// The mailbox of the transport in use: what it shares with the tasks that serve its requests. `None` if the session has
    /// moved to another transport, or is over.
    pub(crate) fn mailbox<M: Any + Send + Sync>(&self) -> Option<Arc<M>> {
        self.0.commands.mailbox()
    }

    /// Takes everything that is queued, for a request that comes while the session's task is idle: the task need not be
    /// woken. `None` if nothing is queued, or the task must see the request. `is_current` is asked under the outbox's lock
    /// whether the transport still is the session's.
    pub(crate) fn take_queued<F: FnOnce() -> bool>(
        &self,
        is_current: F,
    ) -> Option<impl Iterator<Item = Frame> + use<F>> {
        self.0.outbox.take_queued(is_current)
    }

    /// Notes that the transport would take a packet, while the session's task is idle. The next frame wakes the task. Returns
    /// false if the task must be woken now.
    pub(crate) fn set_writable(&self) -> bool {
        self.0.outbox.set_writable()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("sid", &self.0.sid)
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}
