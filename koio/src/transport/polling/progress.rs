//! How far the last answer with packets has left the server.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    thread,
};

/// How often a poll looks whether a write that is under way has written the end of the answer before. A write takes some
/// microseconds, unless its thread is interrupted.
const LOOKS: usize = 100;

/// Nothing of the answer is known to be left with the server.
const SENT: u8 = 0;
/// A part is left, and being written.
const WRITING: u8 = 1;
/// A part is left, and the connection takes no more for now.
const UNSENT: u8 = 2;
/// The next poll has come in this state, which ends the session.
const OVERTAKEN: u8 = 3;

/// How far the last answer with packets has left the server. Changed by the task that writes it, and only if the connection
/// has not taken all of it at once.
///
/// A client polls again when it has the whole answer. One that comes earlier, on another connection, has given up that
/// answer: what it fetched then would come behind a hole.
#[derive(Debug, Default)]
pub(crate) struct AnswerProgress(AtomicU8);

impl AnswerProgress {
    /// The connection takes no more for now.
    pub(crate) fn unsent(&self) {
        self.change(UNSENT);
    }

    /// The connection is tried again. A client that gets the end of the answer may poll before the writer has said
    /// [`sent`](Self::sent).
    pub(super) fn writing(&self) {
        self.change(WRITING);
    }

    /// The operating system has all of it.
    pub(super) fn sent(&self) {
        self.change(SENT);
    }

    fn change(&self, to: u8) {
        let change = |from| (from != OVERTAKEN).then_some(to);
        // Refused only if the session ends.
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }

    /// Whether a part is left for certain.
    pub(super) fn is_unsent(&self) -> bool {
        for _ in 0..LOOKS {
            match self.0.load(Ordering::Acquire) {
                WRITING => thread::yield_now(),
                state => return state != SENT,
            }
        }
        // The writer looks for later polls when it finds that the connection has not taken the rest.
        false
    }

    /// The session ends because of it. Whether this is said for the first time.
    pub(super) fn overtaken(&self) -> bool {
        self.0.swap(OVERTAKEN, Ordering::AcqRel) != OVERTAKEN
    }

    pub(super) fn is_overtaken(&self) -> bool {
        self.0.load(Ordering::Acquire) == OVERTAKEN
    }
}
