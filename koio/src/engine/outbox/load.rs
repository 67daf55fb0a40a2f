//! [`Load`]: how much is queued, readable without the outbox's lock.

use std::sync::atomic::{AtomicU8, Ordering};

/// How much is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Load {
    Empty,
    Light,
    /// Enough for a write in the middle of a turn.
    Heavy,
    /// At the first mark of the queue, or above it.
    AboveMark,
    /// Closed, with frames queued or without.
    Closed,
}

/// The [`Load`] of a queue that a lock guards. Written under that lock only.
pub(super) struct AtomicLoad(AtomicU8);

impl AtomicLoad {
    pub(super) const fn new(load: Load) -> Self {
        Self(AtomicU8::new(load as u8))
    }

    /// May miss a frame that another thread queues at this moment.
    pub(super) fn get(&self) -> Load {
        match self.0.load(Ordering::Relaxed) {
            0 => Load::Empty,
            1 => Load::Light,
            2 => Load::Heavy,
            3 => Load::AboveMark,
            _ => Load::Closed,
        }
    }

    pub(super) fn set(&self, load: Load) {
        // A load is cheaper than a store to a cache line that other threads read.
        if load != self.get() {
            self.0.store(load as u8, Ordering::Relaxed);
        }
    }
}
