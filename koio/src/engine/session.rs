//! The handle of a session: what everybody but its own task holds of it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;

use super::{
    CloseReason, EngineConfig,
    outbox::{Outbox, SendError, Urgency, WriteBudget},
    requests::{Inbox, NotTaken, PendingRequest, PollResponse, SessionRequest},
    transport::Transport,
};
use crate::{
    ids::Sid,
    wire::{
        Draft, Frame, Message,
        payload::{self, Packets},
    },
};

/// How a client is connected at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

impl TransportKind {
    /// The protocol's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A handle to one Engine.IO session: sends to its client, and ends it. Cloning costs a reference count.
#[derive(Clone)]
pub struct Session(Arc<SessionShared>);

/// What the session's task shares with the handles.
pub(crate) struct SessionShared {
    pub(crate) sid: Sid,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    pub(crate) is_websocket: AtomicBool,
}

impl Session {
    pub(crate) fn new(sid: Sid, config: &EngineConfig, transport: TransportKind) -> Self {
        Self(Arc::new(SessionShared {
            sid,
            outbox: Outbox::new(config),
            inbox: Inbox::default(),
            is_websocket: AtomicBool::new(transport == TransportKind::WebSocket),
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
        if self.0.is_websocket.load(Ordering::Relaxed) {
            TransportKind::WebSocket
        } else {
            TransportKind::Polling
        }
    }

    /// Whether the session takes what is sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.outbox.is_closed()
    }

    /// Queues a message for the client. Never waits.
    ///
    /// # Errors
    /// [`SendError::Full`] if the client does not read fast enough (nothing was queued),
    /// [`SendError::Closed`] if the session is over.
    pub fn send(&self, message: &Message) -> Result<(), SendError> {
        let frame = Frame::message(message);
        self.0.outbox.give(frame, Urgency::Normal)
    }

    /// Queues a frame that was encoded before, for one or many sessions.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_frame(&self, frame: &Frame) -> Result<(), SendError> {
        self.0.outbox.push(frame, Urgency::Normal)
    }

    /// The same for a frame that nobody else needs.
    pub(crate) fn send_draft(&self, draft: Draft) -> Result<(), SendError> {
        self.0.outbox.append(draft, Urgency::Normal)
    }

    /// Queues a frame only if it would go out at once; says whether it did.
    pub fn send_volatile(&self, frame: &Frame) -> bool {
        self.0
            .outbox
            .push_volatile(frame, &mut WriteBudget::up_to(1))
            .is_some()
    }

    /// Queues an answer, which is never refused for want of room: while the queue is over its limit the
    /// session does not read, so its client bounds the number.
    pub(crate) fn reply(&self, frame: Frame) -> Result<(), SendError> {
        self.0.outbox.give(frame, Urgency::Reply)
    }

    /// The same for the answer to an event.
    pub(crate) fn reply_draft(&self, draft: Draft) -> Result<(), SendError> {
        self.0.outbox.append(draft, Urgency::Reply)
    }

    /// Ends the session. What is queued is delivered first, within
    /// [`EngineConfig::close_timeout`]; nothing more is taken from the client or for it.
    pub fn close(&self, reason: CloseReason) {
        self.ask_to_close(reason, true);
    }

    /// Ends the session at once; what is queued is dropped.
    pub fn cut(&self, reason: CloseReason) {
        self.ask_to_close(reason, false);
    }

    /// Gives the session's task a turn, because the layer above has something for it to do.
    pub(crate) fn wake(&self) {
        self.0.outbox.wake();
    }

    fn ask_to_close(&self, reason: CloseReason, flush: bool) {
        // From here on nothing is accepted that could not be delivered.
        self.0.outbox.close(!flush);
        let _ = self.request(SessionRequest::Close { reason, flush });
    }

    fn request(&self, request: SessionRequest) -> Result<(), NotTaken> {
        self.0.inbox.push(request)?;
        self.0.outbox.wake();
        Ok(())
    }

    /// A GET asks for what is queued, or waits for it.
    pub(crate) fn poll(&self) -> Result<oneshot::Receiver<PollResponse>, NotTaken> {
        let (request, answer) = PendingRequest::task();
        self.poll_by(|| request)?;
        Ok(answer)
    }

    /// The same for whoever need not wait in a task. `request` is not called if the poll is not taken.
    pub(crate) fn poll_by(&self, request: impl FnOnce() -> PendingRequest) -> Result<(), NotTaken> {
        let polls = || self.transport() == TransportKind::Polling;
        if self.0.inbox.is_empty()
            && let Some(frames) = self.0.outbox.fetch(polls)
        {
            request().answer(PollResponse::Payload(payload::encode(frames)));
            return Ok(());
        }
        self.0.inbox.push_poll(request)?;
        // In this order: what is queued from here on wakes the task, which finds the poll.
        if !self.0.outbox.poll_waits() {
            self.0.outbox.wake();
        }
        Ok(())
    }

    /// The head of a POST has arrived.
    pub(crate) fn begin_post(&self) -> Result<(), NotTaken> {
        self.0.inbox.begin_post()
    }

    /// The body of a POST has arrived.
    pub(crate) fn post(
        &self,
        packets: Packets,
    ) -> Result<oneshot::Receiver<PollResponse>, NotTaken> {
        let (request, answer) = PendingRequest::task();
        self.request(SessionRequest::Post(packets, request))?;
        Ok(answer)
    }

    /// A POST has arrived, its body together with its head. `request` is not called if it is not taken.
    pub(crate) fn post_whole(
        &self,
        packets: Packets,
        request: impl FnOnce() -> PendingRequest,
    ) -> Result<(), NotTaken> {
        self.0.inbox.push_post(packets, request)?;
        self.0.outbox.wake();
        Ok(())
    }

    /// A WebSocket has come for this session.
    pub(crate) fn probe(&self, websocket: Box<dyn Transport>) -> Result<(), NotTaken> {
        self.request(SessionRequest::Probe(websocket))
    }

    /// A request broke the rules, or was aborted.
    pub(crate) fn lost(&self, reason: CloseReason) {
        let _ = self.request(SessionRequest::Lost(reason));
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
