//! The connection of a request that a session has been told of, for the session to answer.
//!
//! The reply is written where it is made: the task of the connection need not be woken for it, and goes on when the
//! next request comes.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Instant,
};

use http::HeaderValue;
use tokio::sync::watch;
use tracing::debug;

use super::{
    repeated_head::RepeatedHead,
    response_writer::{self, UnsentResponse},
};
use crate::{
    engine::{CloseReason, Session},
    ids::Sid,
    time::now,
    transport::{
        polling::{PendingRequest, PollResponse, Responder},
        tcp::TcpWriter,
    },
};

/// A session, and the way that its replies take.
pub(super) struct PollingClient {
    session: Session,
    line: Arc<ConnectionResponder>,
    /// The head of its last request, if that was read and judged in full: the next is likely to have the same.
    pub(super) seen: Option<Box<RepeatedHead>>,
}

/// How far the last request is.
pub(super) enum RequestProgress {
    Answered,
    /// The session has not answered it.
    Asked,
    /// It has been answered, and there is something left to do.
    Unsent(Box<UnsentResponse>),
}

struct ConnectionResponder {
    writer: Arc<TcpWriter>,
    stops: StopSignal,
    /// The last request is not answered, or there is something left to do. Written under the lock, for a look without it.
    busy: AtomicBool,
    state: Mutex<ResponderState>,
}

struct ResponderState {
    /// When the last request that was answered was.
    answered: Option<Instant>,
    left: Option<Box<UnsentResponse>>,
    /// The foreign origin that must be told that it may read the answer.
    listed: Option<HeaderValue>,
    /// The connection's task has something to do as soon as there is an answer.
    eager: bool,
    waker: Option<Waker>,
}

/// Knows whether the server wants its connections to end.
#[derive(Clone, Debug)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    pub(crate) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self(stopped)
    }

    pub(super) fn have_come(&self) -> bool {
        matches!(self.0.has_changed(), Ok(true))
    }
}

impl PollingClient {
    pub(super) fn new(session: Session, writer: Arc<TcpWriter>, stops: StopSignal) -> Self {
        let state = ResponderState {
            answered: None,
            left: None,
            listed: None,
            eager: false,
            waker: None,
        };
        Self {
            session,
            line: Arc::new(ConnectionResponder {
                writer,
                stops,
                busy: AtomicBool::new(false),
                state: Mutex::new(state),
            }),
            seen: None,
        }
    }

    pub(super) fn is(&self, sid: &Sid) -> bool {
        self.session.sid_ref() == sid
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// When its last request was answered, if one was.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.line.state().answered
    }

    /// Who asks the session for something. From here on the answer belongs to this request.
    pub(super) fn ask(
        &self,
        listed: Option<&HeaderValue>,
        eager: bool,
        waker: &Waker,
    ) -> PendingRequest {
        let mut state = self.line.state();
        self.line.busy.store(true, Ordering::Relaxed);
        if state.listed.as_ref() != listed {
            state.listed = listed.cloned();
        }
        state.eager = eager;
        state.remember(waker);
        PendingRequest::with_responder(Arc::clone(&self.line) as _)
    }

    /// How far it is. While it is not answered: whom to wake if there is something left to do, or if the task is
    /// eager.
    pub(super) fn progress(&self, eager: bool, waker: &Waker) -> RequestProgress {
        if !self.line.busy.load(Ordering::Acquire) {
            return RequestProgress::Answered;
        }
        let mut state = self.line.state();
        if let Some(left) = state.left.take() {
            self.line.busy.store(false, Ordering::Relaxed);
            return RequestProgress::Unsent(left);
        }
        if !self.line.is_asked(&state) {
            return RequestProgress::Answered;
        }
        state.eager = eager;
        state.remember(waker);
        RequestProgress::Asked
    }
}

impl Drop for PollingClient {
    /// Ends the session if its client has gone away before the answer: what that would have carried is lost.
    fn drop(&mut self) {
        let state = self.line.state();
        if self.line.is_asked(&state) {
            self.line.busy.store(false, Ordering::Relaxed);
            drop(state);
            debug!(sid = ?self.session.sid(), "polling request closed prematurely");
            self.session.lost(CloseReason::TransportError);
        }
    }
}

impl ConnectionResponder {
    fn state(&self) -> MutexGuard<'_, ResponderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_asked(&self, state: &ResponderState) -> bool {
        self.busy.load(Ordering::Relaxed) && state.left.is_none()
    }
}

impl ResponderState {
    fn remember(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Responder for ConnectionResponder {
    fn respond(&self, reply: PollResponse) {
        let mut state = self.state();
        if !self.is_asked(&state) {
            return;
        }
        let at = now();
        state.answered = Some(at);
        state.left = response_writer::write(
            &self.writer,
            reply,
            state.listed.as_ref(),
            self.stops.have_come(),
            at,
        );
        let waker = if state.left.is_some() || state.eager {
            state.waker.take()
        } else {
            None
        };
        if state.left.is_none() {
            self.busy.store(false, Ordering::Release);
        }
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
