//! Whether this thread has sent to clients whose queues are above their first mark.
//!
//! A session that reads events and broadcasts them would otherwise go on reading while the tasks of its recipients have no
//! turn: then the queues of clients that do read reach the second mark.

use std::cell::Cell;

thread_local! {
    static CROWDED: Cell<bool> = const { Cell::new(false) };
}

/// A frame was for one of many, and its queue was above the first mark.
pub(super) fn note() {
    // Fails only while the thread ends.
    let _ = CROWDED.try_with(|crowded| crowded.set(true));
}

/// Whether there was one since the last call.
pub(crate) fn take() -> bool {
    CROWDED.try_with(Cell::take).unwrap_or(false)
}
