//! What a poll asks of the outbox while the session's task rests: it is answered, or waits, without waking that.

use std::sync::atomic::Ordering;

use super::{EMPTY, OVER_LIMIT, Outbox};
use crate::wire::Frame;

impl Outbox {
    /// What is queued, for a poll that comes while the session's task rests. `polls` says whether its client still polls.
    /// `None` if there is nothing, or if it is for the task to say.
    pub(crate) fn fetch<F: FnOnce() -> bool>(
        &self,
        polls: F,
    ) -> Option<impl Iterator<Item = Frame> + use<F>> {
        // Without the lock: what is queued at this moment is seen by whoever then says that a poll waits.
        if self.load.load(Ordering::Relaxed) == EMPTY {
            return None;
        }
        let mut state = self.state();
        let rests = !state.corked && !state.closed;
        // Writable: the task has a poll already. And if so much was queued that it does not read, it must be woken.
        let alone = !state.writable && self.load.load(Ordering::Relaxed) != OVER_LIMIT;
        if !rests || !alone || state.queue.is_empty() || !polls() {
            return None;
        }
        self.weigh(&mut state, 0, 0);
        Some(state.queue.take_all())
    }

    /// A poll waits that the session's task does not know of. False if it had better look at it now: there is something
    /// to send, or to refuse, or it has said so.
    pub(crate) fn poll_waits(&self) -> bool {
        let mut state = self.state();
        // Writable: the task has a poll already.
        let looks = state.corked || state.closed || state.writable || state.heeds_polls;
        let waits = !looks && state.queue.is_empty();
        state.writable |= waits;
        waits
    }

    /// Whether the session's task wants to know of every poll from the end of this turn on.
    pub(crate) fn heed_polls(&self, heeds: bool) {
        self.state().heeds_polls = heeds;
    }
}
