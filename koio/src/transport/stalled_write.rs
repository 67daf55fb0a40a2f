//! A write of which the connection takes nothing for now.

use std::{
    io,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{lazy_timer::LazyTimer, polling::NothingTaken};
use crate::{engine::between_tries, time::now};

/// The deadline of a write of which the connection takes nothing for now. Tries the connection meanwhile: Linux says that
/// there is room only when half of what may wait unsent (64 KiB on koio's own listener) has left, and what was taken last
/// before that, which is up to 64 KiB. A client that reads slowly may need longer for it than `write_timeout`.
#[derive(Debug, Default)]
pub(super) struct StalledWrite {
    timer: LazyTimer,
    stall: Option<Stall>,
}

#[derive(Clone, Copy, Debug)]
struct Stall {
    since: Instant,
    try_at: Instant,
}

impl StalledWrite {
    /// Whether the last write was not taken.
    pub(super) fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// The connection has taken something.
    pub(super) fn progressed(&mut self) {
        self.stall = None;
    }

    /// The connection was asked, and takes nothing. Ready with what came of a try, and with [`NothingTaken`] when it has
    /// taken nothing for `timeout`; without one the connection is only tried when it says that there is room.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        timeout: Duration,
        mut insist: impl FnMut() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let next_try = |now: Instant| now + between_tries(timeout);
        loop {
            let stall = self.stall.get_or_insert_with(|| {
                let since = now();
                let try_at = next_try(since);
                Stall { since, try_at }
            });
            let Some(by) = stall.since.checked_add(timeout) else {
                return Poll::Pending;
            };
            if self.timer.poll(cx, by.min(stall.try_at)).is_pending() {
                return Poll::Pending;
            }
            let tried = insist();
            if tried.is_ready() {
                self.stall = None;
                return tried;
            }
            let now = now();
            if now >= by {
                let nothing = io::Error::new(io::ErrorKind::TimedOut, NothingTaken(timeout));
                return Poll::Ready(Err(nothing));
            }
            stall.try_at = next_try(now);
        }
    }
}
