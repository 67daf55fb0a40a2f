//! A thread-local buffer for the small frames, mostly answers, that a session sends its client in its own turn.
//!
//! No lock is taken for them, since no other thread sees them (one echo in flight: 6,800 → 6,360 instructions). They come
//! before everything in the session's queue, so they are collected only while the queue is empty.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

use super::limits::{QueueLimits, weight};
use crate::{fast_path::FastPath, wire::Draft};

/// A turn that has collected so many bytes collects no more, and writes before it ends.
pub(super) const HEAVY: usize = 64 * 1024;

/// Identifies a thread that has run a session.
pub(super) type ThreadId = NonZeroU32;

/// Frames of the turn that this thread is in.
struct TurnBuffer {
    in_use: bool,
    frames: Vec<u8>,
    messages: u16,
}

thread_local! {
    static THREAD: Cell<Option<ThreadId>> = const { Cell::new(None) };
    static BUFFER: RefCell<TurnBuffer> = const {
        RefCell::new(TurnBuffer { in_use: false, frames: Vec::new(), messages: 0 })
    };
}

/// The id of this thread, if a turn ever began on it.
pub(super) fn this_thread() -> Option<ThreadId> {
    // Fails only while the thread ends, which is in no turn then.
    THREAD.try_with(Cell::get).ok().flatten()
}

fn new_thread() -> Option<ThreadId> {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        last.checked_add(1)
    });
    // After 4 billion threads the later ones have no buffer.
    let id = ThreadId::new(last.ok()? + 1)?;
    THREAD.try_with(|thread| thread.set(Some(id))).ok()?;
    Some(id)
}

/// Calls `with` on this thread's buffer. `None` while the thread ends.
fn with_buffer<T>(with: impl FnOnce(&mut TurnBuffer) -> T) -> Option<T> {
    let result = BUFFER.try_with(|buffer| Some(with(&mut *buffer.try_borrow_mut().ok()?)));
    result.ok().flatten()
}

/// Reserves this thread's buffer for a turn. Returns `None` if it is in use, by a turn around this one, or if the fast path
/// is off.
pub(super) fn reserve() -> Option<ThreadId> {
    if !FastPath::TurnBuffer.is_on() {
        return None;
    }
    let thread = this_thread().or_else(new_thread)?;
    let reserved = with_buffer(|buffer| !std::mem::replace(&mut buffer.in_use, true));
    (reserved == Some(true)).then_some(thread)
}

/// Releases the buffer, which must be empty.
pub(super) fn release() {
    with_buffer(|buffer| {
        debug_assert!(buffer.frames.is_empty());
        buffer.in_use = false;
    });
}

/// Appends a frame if there is room. This thread must be in the session's turn, and the session's queue empty.
pub(super) fn append(draft: &Draft, limits: &QueueLimits) -> bool {
    let appended = with_buffer(|buffer| {
        let waiting = weight(buffer.frames.len(), buffer.messages.into());
        let above_mark = limits.is_above_first(waiting);
        if above_mark || buffer.frames.len() >= HEAVY || draft.len() > HEAVY {
            return false;
        }
        draft.append_to(&mut buffer.frames);
        buffer.messages = buffer.messages.saturating_add(draft.messages());
        true
    });
    appended == Some(true)
}

/// Whether the buffer should be written before the turn ends.
pub(super) fn is_heavy() -> bool {
    with_buffer(|buffer| buffer.frames.len() >= HEAVY) == Some(true)
}

/// Moves everything to the end of `into`.
pub(super) fn gather(into: &mut Vec<u8>) {
    with_buffer(|buffer| {
        buffer.messages = 0;
        if into.is_empty() {
            // Both are buffers of this thread, so they may change places.
            std::mem::swap(into, &mut buffer.frames);
        } else {
            into.append(&mut buffer.frames);
        }
    });
}

/// Passes everything to `give`, with the number of messages, unless there is nothing.
pub(super) fn take(give: impl FnOnce(&[u8], u16)) {
    with_buffer(|buffer| {
        if !buffer.frames.is_empty() {
            give(&buffer.frames, buffer.messages);
            buffer.frames.clear();
            buffer.messages = 0;
        }
    });
}
