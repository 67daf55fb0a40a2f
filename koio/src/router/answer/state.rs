//! [`AnswerState`] decides who answers an event, and that it is answered once.
//!
//! By default the onion answers, when it has unwound. A handler that takes an [`Ack`](super::Ack) takes that duty over;
//! if it drops the `Ack` unsent, the duty falls back to the onion while that still runs, and else the answer is
//! `unanswered`. A handler that takes the `Ack` and then fails is answered with its error.

use std::sync::atomic::{AtomicU8, Ordering};

/// An [`Ack`](super::Ack) was handed out.
const TAKEN: u8 = 1;
/// It was dropped unsent.
const DROPPED: u8 = 1 << 1;
/// The onion has unwound.
const ENDED: u8 = 1 << 2;
/// The answer has been sent, or must not be sent at all.
const ANSWERED: u8 = 1 << 3;
/// The client broke the protocol: its connection is closing, and nothing is sent or reported.
const BROKEN_OFF: u8 = 1 << 4;

/// The life of one answer. Every step is one atomic operation, so that an `Ack` in another task and the end of
/// the onion can't both answer, and can't both leave it to the other.
#[derive(Debug, Default)]
pub(crate) struct AnswerState(AtomicU8);

impl AnswerState {
    fn set(&self, bit: u8) -> u8 {
        self.0.fetch_or(bit, Ordering::AcqRel)
    }

    fn has(&self, bit: u8) -> bool {
        self.0.load(Ordering::Acquire) & bit != 0
    }

    /// True for the first caller, which may send.
    pub(super) fn claim(&self) -> bool {
        self.set(ANSWERED) & ANSWERED == 0
    }

    /// An `Ack` is handed out.
    pub(super) fn take(&self) {
        self.set(TAKEN);
    }

    /// Whether an `Ack` was handed out.
    pub(crate) fn is_taken(&self) -> bool {
        self.has(TAKEN)
    }

    /// The `Ack` is dropped. True if it was not sent and the onion has unwound: then no other answer will come, and the
    /// caller has to [claim](Self::claim) it.
    pub(super) fn drop_ack(&self) -> bool {
        // While the onion runs, it answers at its end: the handler may be dropping the `Ack` because it fails.
        self.set(DROPPED) & (ENDED | ANSWERED) == ENDED
    }

    /// The onion has unwound, and means to answer. [`claim`](Self::claim) in the same step.
    pub(super) fn end_and_claim(&self) -> bool {
        self.set(ENDED | ANSWERED) & ANSWERED == 0
    }

    /// The onion has unwound, and leaves the answer to the `Ack`. True if that was dropped unsent.
    pub(crate) fn end(&self) -> bool {
        // Sending an `Ack` drops it as well.
        self.set(ENDED) & (DROPPED | ANSWERED) == DROPPED
    }

    /// Nothing may be sent from now on.
    pub(crate) fn break_off(&self) {
        self.set(ANSWERED | BROKEN_OFF);
    }

    /// Whether [`break_off`](Self::break_off) was called.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.has(BROKEN_OFF)
    }
}
