//! What a session sends its client in its own turn, answers mostly: small frames, put together in memory of the thread
//! until the turn writes them. No lock is taken for them, since nobody else sees them.
//!
//! They come before all that is in the session's queue. For that they are put here only while the queue is empty: what
//! another task has queued earlier is found there, and then they are queued as well.

use std::cell::RefCell;

use crate::wire::Draft;

/// Bytes that are worth a write in the middle of a turn. No more is put here then.
pub(super) const HEAVY: usize = 64 * 1024;

/// The turn that this thread is in.
struct Corked {
    /// Whose it is; 0 between turns.
    of: CorkKey,
    frames: Vec<u8>,
    messages: u16,
}

/// Tells the queues of sessions apart, as long as they live.
pub(super) type CorkKey = usize;

/// How much may be here.
pub(super) struct CorkLimits {
    pub(super) bytes: usize,
    pub(super) messages: usize,
}

thread_local! {
    static CORKED: RefCell<Corked> = const {
        RefCell::new(Corked { of: 0, frames: Vec::new(), messages: 0 })
    };
}

/// Does this with the turn of that session. `None` if this thread is not in it.
fn within<T>(of: CorkKey, what: impl FnOnce(&mut Corked) -> T) -> Option<T> {
    // A thread that ends has no turn.
    let within = CORKED.try_with(|corked| {
        let mut corked = corked.try_borrow_mut().ok()?;
        (corked.of == of).then(|| what(&mut corked))
    });
    within.ok().flatten()
}

/// A turn begins on this thread.
pub(super) fn begin(of: CorkKey) {
    within(0, |corked| corked.of = of);
}

/// It ends, unless something is left: then false, and that is to be [taken](take) first.
pub(super) fn end(of: CorkKey) -> bool {
    let end = |corked: &mut Corked| {
        let is_empty = corked.frames.is_empty();
        if is_empty {
            corked.of = 0;
        }
        is_empty
    };
    within(of, end) != Some(false)
}

/// Puts it behind the others, if this is that session's turn and there is room. For whoever knows that nothing else is
/// queued.
pub(super) fn append(of: CorkKey, draft: &Draft, limits: &CorkLimits) -> bool {
    let append = |corked: &mut Corked| {
        let bytes = corked.frames.len() + draft.len();
        let messages = corked.messages.saturating_add(draft.messages());
        let over = bytes > limits.bytes || usize::from(messages) > limits.messages;
        if over || corked.frames.len() >= HEAVY || draft.len() > HEAVY {
            return false;
        }
        draft.append_to(&mut corked.frames);
        corked.messages = messages;
        true
    };
    within(of, append) == Some(true)
}

/// Whether it had better be written before the turn ends.
pub(super) fn is_heavy(of: CorkKey) -> bool {
    within(of, |corked| corked.frames.len() >= HEAVY) == Some(true)
}

/// Moves all of it behind what is in `together`.
pub(super) fn gather(of: CorkKey, together: &mut Vec<u8>) {
    within(of, |corked| {
        corked.messages = 0;
        if together.is_empty() {
            // Both are the thread's.
            std::mem::swap(together, &mut corked.frames);
        } else {
            together.append(&mut corked.frames);
        }
    });
}

/// Gives all of it, and how many messages it is, if there is something.
pub(super) fn take(of: CorkKey, give: impl FnOnce(&[u8], u16)) {
    within(of, |corked| {
        if !corked.frames.is_empty() {
            give(&corked.frames, corked.messages);
            corked.frames.clear();
            corked.messages = 0;
        }
    });
}
