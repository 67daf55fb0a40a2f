//! The answer of an event that is handled once: it is kept for other tries of the client.

use super::context::Context;
use crate::{socket::OnceRun, wire::Draft};

impl Context {
    /// This is the first try of its event. Called once.
    pub(crate) fn keep_answer(&self, run: OnceRun) {
        let _ = self.once().set(Box::new(run));
    }

    /// The id under which the answer is written; `None` if nobody wants one. An answer that is kept is written in any case.
    #[inline]
    pub(crate) fn answer_id(&self) -> Option<u64> {
        self.ack_id().or_else(|| self.once().get().map(|_| 0))
    }

    /// Sends the answer, and keeps it.
    pub(crate) fn deliver_answer(&self, answer: Draft) {
        match self.once().get() {
            None => self.socket().send_answer(answer),
            Some(once) => {
                once.answer(self.socket(), answer, self.ack_id().is_some());
            }
        }
    }

    /// The event has ended, or was dropped: if it has no answer, and no [`Ack`](crate::Ack) will give one, there is none.
    pub(crate) fn abandon_answer(&self) {
        let state = self.answer_state();
        if let Some(once) = self.once().get()
            && (!state.is_taken() || state.is_broken_off() || state.end())
        {
            once.abandon(self.socket());
        }
    }
}
