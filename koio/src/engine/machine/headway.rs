//! Whether something that takes long gets on.

use std::time::{Duration, Instant};

/// Something of unknown length that must go on: a message that arrives, or bytes that leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Headway {
    /// When it went on last, or began.
    last: Instant,
}

impl Headway {
    pub(super) fn begin(now: Instant) -> Self {
        Self { last: now }
    }

    /// When it has paused for too long.
    pub(super) fn ends(&self, pause: Duration) -> Instant {
        self.last + pause
    }

    /// That much time does not count, because the server did not look.
    pub(super) fn rest(&mut self, time: Duration) {
        self.last += time;
    }
}
