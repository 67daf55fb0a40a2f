//! A session's turn on the current thread, as its outbox sees it.

use std::task::Waker;

use super::outbox::Outbox;
use crate::engine::Session;

/// While it lives, this thread is in the session's turn. Frames that this thread sends to it are collected. Frames of
/// other threads are queued without waking the session's task, which sends them before its turn ends.
///
/// Dropping it moves the collected frames that were not sent into the queue, also after a panic.
pub(crate) struct TurnGuard {
    session: Session,
}

impl TurnGuard {
    pub(crate) fn begin(session: Session) -> Self {
        session.shared().outbox.begin_turn();
        Self { session }
    }

    fn outbox(&self) -> &Outbox {
        &self.session.shared().outbox
    }

    /// Ends the turn: from here on a frame wakes the task. `writable`: the transport would take one.
    ///
    /// Returns false, and the turn goes on, if a frame was queued or the task was woken since the caller looked last.
    pub(crate) fn try_end(&self, waker: &Waker, writable: bool) -> bool {
        self.outbox().end_turn(waker, writable)
    }

    /// Begins another turn on the same thread.
    pub(crate) fn again(&self) {
        self.outbox().begin_turn();
    }
}

impl Drop for TurnGuard {
    fn drop(&mut self) {
        self.outbox().leave_thread();
    }
}
