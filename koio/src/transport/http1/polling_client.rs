//! The session that the requests of a connection belong to, and how its responses reach the connection.
//!
//! The session's task writes a response to the connection itself ([`Responder`]). The connection's task wakes only for the
//! next request, or if a part of the response could not be written.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Instant,
};

use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    repeated_head::RepeatedHead,
    response_writer::{self, AfterResponse, ResponseHead, UnsentResponse},
};
use crate::{
    engine::{CloseReason, Session},
    ids::Sid,
    observe::{Observation, Observers},
    time::now,
    transport::{
        AnswerCoding,
        polling::{AnswerProgress, AnsweredPoll, PendingRequest, PollResponse, Responder},
        tcp::TcpWriter,
    },
};

/// A session, as the requests of one connection reach it.
pub(super) struct PollingClient {
    session: Session,
    responder: Arc<ConnectionResponder>,
    observers: Observers,
    /// The number of the last request, if it was a poll.
    pub(super) last_poll: Option<u32>,
    /// The head of the last request, if that was parsed.
    pub(super) repeated_head: Option<Box<RepeatedHead>>,
}

/// The state of the last request.
pub(super) enum RequestProgress {
    Answered,
    /// The session has not answered it.
    Pending,
    /// It is answered, and the connection's task must write the unsent bytes of the response.
    Unsent(Box<UnsentResponse>),
}

/// When the connection's task must be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WakeOn {
    /// When the session has answered.
    Answer,
    /// When a part of the answer could not be written.
    Unsent,
}

struct ConnectionResponder {
    writer: Arc<TcpWriter>,
    stop: StopSignal,
    /// Whether the last request is pending, or a part of its response unsent. Written under the lock, so that it can be
    /// read without.
    is_busy: AtomicBool,
    /// Whether the state has a coding. Written under the lock, so that it can be read without.
    has_coding: AtomicBool,
    state: Mutex<ResponderState>,
}

struct ResponderState {
    /// When the last answer was given.
    answered: Option<Instant>,
    /// Whether packets of the session are lost if that answer is.
    loses_packets: bool,
    unsent: Option<Box<UnsentResponse>>,
    /// The listed origin whose pages may read the response.
    allow_origin: Option<HeaderValue>,
    /// How the response may be compressed.
    coding: Option<AnswerCoding>,
    wake: WakeOn,
    waker: Option<Waker>,
}

/// Whether the server wants its connections to end.
#[derive(Clone, Debug)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    pub(crate) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self(stopped)
    }

    pub(super) fn is_set(&self) -> bool {
        matches!(self.0.has_changed(), Ok(true))
    }

    pub(super) fn after_response(&self) -> AfterResponse {
        if self.is_set() {
            AfterResponse::Close
        } else {
            AfterResponse::KeepAlive
        }
    }
}

impl PollingClient {
    pub(super) fn new(
        session: Session,
        observers: Observers,
        writer: Arc<TcpWriter>,
        stop: StopSignal,
    ) -> Self {
        let state = ResponderState {
            answered: None,
            loses_packets: false,
            unsent: None,
            allow_origin: None,
            coding: None,
            wake: WakeOn::Unsent,
            waker: None,
        };
        Self {
            session,
            responder: Arc::new(ConnectionResponder {
                writer,
                stop,
                is_busy: AtomicBool::new(false),
                has_coding: AtomicBool::new(false),
                state: Mutex::new(state),
            }),
            observers,
            last_poll: None,
            repeated_head: None,
        }
    }

    /// The last request, if it was a poll.
    fn answered_poll(&self) -> Option<AnsweredPoll> {
        let number = self.last_poll?;
        Some(AnsweredPoll::new(self.session.clone(), number))
    }

    /// The client did not take the whole answer to the last request.
    pub(super) fn cut(&self, cause: &str) {
        if let Some(poll) = self.answered_poll() {
            poll.cut(&self.observers, cause);
        }
    }

    /// The connection that has a part of the answer to the last request is tried again.
    pub(super) fn writing(&self) {
        if let Some(poll) = self.answered_poll() {
            poll.writing();
        }
    }

    /// The connection takes no more of the answer to the last request for now.
    pub(super) fn unsent(&self) {
        if let Some(poll) = self.answered_poll() {
            poll.unsent(poll.number(), &self.observers);
        }
    }

    /// The operating system has the whole answer to the last request.
    pub(super) fn sent(&self) {
        if let Some(poll) = self.answered_poll() {
            poll.sent();
        }
    }

    /// The connection was reset. An answer to its last request was sent before, if the request was answered.
    pub(super) fn reset(&self) {
        let state = self.responder.state.lock();
        let loses_packets = !self.responder.is_pending(&state) && state.loses_packets;
        drop(state);
        if let Some(poll) = self.answered_poll().filter(|_| loses_packets) {
            poll.reset(&self.observers);
        }
    }

    pub(super) fn is(&self, sid: &Sid) -> bool {
        self.session.sid_ref() == sid
    }

    pub(super) fn observers(&self) -> &Observers {
        &self.observers
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// When the last answer was given, if one was.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.responder.state.lock().answered
    }

    /// Begins a request, which the session answers. Its next answer is the response.
    pub(super) fn begin_request(
        &self,
        allow_origin: Option<&HeaderValue>,
        coding: Option<AnswerCoding>,
        wake: WakeOn,
        waker: &Waker,
    ) -> PendingRequest {
        let mut state = self.responder.state.lock();
        self.responder.is_busy.store(true, Ordering::Relaxed);
        if state.allow_origin.as_ref() != allow_origin {
            state.allow_origin = allow_origin.cloned();
        }
        state.coding = coding;
        let has_coding = &self.responder.has_coding;
        has_coding.store(coding.is_some(), Ordering::Relaxed);
        state.wake_on(wake, waker);
        PendingRequest::with_responder(Arc::clone(&self.responder) as _)
    }

    /// The state of the last request. While it is pending, `waker` will be woken as `wake` says.
    pub(super) fn progress(&self, wake: WakeOn, waker: &Waker) -> RequestProgress {
        if !self.responder.is_busy.load(Ordering::Acquire) {
            return RequestProgress::Answered;
        }
        let mut state = self.responder.state.lock();
        if let Some(unsent) = state.unsent.take() {
            self.responder.is_busy.store(false, Ordering::Relaxed);
            return RequestProgress::Unsent(unsent);
        }
        if !self.responder.is_pending(&state) {
            return RequestProgress::Answered;
        }
        state.wake_on(wake, waker);
        RequestProgress::Pending
    }
}

impl Drop for PollingClient {
    /// The connection has ended, or goes on with another session. Ends the session if its client has hung up before it has the
    /// answer, which is lost.
    fn drop(&mut self) {
        let mut state = self.responder.state.lock();
        if let Some(unsent) = state.unsent.take() {
            drop(state);
            if unsent.loses_packets {
                self.cut("the connection ended");
            }
        } else if self.responder.is_pending(&state) {
            self.responder.is_busy.store(false, Ordering::Relaxed);
            drop(state);
            let sid = self.session.sid();
            self.observers.notify(&Observation::RequestDropped { sid });
            self.session.lost(CloseReason::TransportError);
        } else {
            drop(state);
            self.session.connection_ended();
        }
    }
}

impl ConnectionResponder {
    fn is_pending(&self, state: &ResponderState) -> bool {
        self.is_busy.load(Ordering::Relaxed) && state.unsent.is_none()
    }
}

impl ResponderState {
    fn wake_on(&mut self, wake: WakeOn, waker: &Waker) {
        self.wake = wake;
        match &mut self.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Responder for ConnectionResponder {
    fn respond(&self, mut response: PollResponse, progress: Option<&AnswerProgress>) {
        let mut coding = None;
        if self.has_coding.load(Ordering::Relaxed) {
            // Not under the lock: it may take milliseconds.
            let wanted = self.state.lock().coding;
            (response, coding) = AnswerCoding::apply(wanted, response);
        }
        let mut state = self.state.lock();
        if !self.is_pending(&state) {
            return;
        }
        let now = now();
        state.answered = Some(now);
        state.loses_packets = response.may_not_be_lost();
        let head = ResponseHead {
            allow_origin: state.allow_origin.as_ref(),
            coding,
            after: self.stop.after_response(),
            now,
        };
        state.unsent = response_writer::write(&self.writer, response, &head);
        if let (Some(unsent), Some(progress)) = (&state.unsent, progress)
            && unsent.loses_packets
            && !unsent.is_empty()
        {
            progress.unsent();
        }
        let is_sent = state.unsent.is_none();
        let waker = if !is_sent || state.wake == WakeOn::Answer {
            state.waker.take()
        } else {
            None
        };
        if is_sent {
            self.is_busy.store(false, Ordering::Release);
        }
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
