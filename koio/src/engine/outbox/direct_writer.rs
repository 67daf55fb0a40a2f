//! Writing to a connection from the task of an emitter, past the session's task.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    engine::transport::{DirectFlushed, DirectFrames, DirectWrite, DirectWritten, FrameSource},
    fast_path::FastPath,
};

/// Frames that come within this time of a direct write are queued and written together.
const MIN_WRITE_INTERVAL: Duration = Duration::from_micros(100);

/// How many direct writes one emit may make.
///
/// Each is a system call of 2 to 6 us, in which the other tasks of the thread wait.
#[derive(Debug)]
pub(crate) struct WriteBudget {
    left: usize,
    /// The time of the emit, read once and only if it is needed.
    now: Option<Instant>,
}

impl WriteBudget {
    pub(crate) fn up_to(left: usize) -> Self {
        Self { left, now: None }
    }

    /// Uses up the budget for a write of so many bytes, if there is enough. About 4 us for each 16 KiB.
    pub(super) fn covers(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes / (16 * 1024));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    fn now(&mut self) -> Instant {
        *self.now.get_or_insert_with(Instant::now)
    }
}

/// What may be done with a frame for an idle session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DirectChance {
    /// It may be written now.
    Now,
    /// It may be written by a later [flush](super::Outbox::flush): this emit has used up its budget.
    Later,
    /// The session's task must write it.
    No,
}

/// The connection of one session, for emitters. The outbox's lock guards it.
#[derive(Default)]
pub(super) struct DirectWriter {
    /// `None` over a transport that only the session's task can write to.
    connection: Option<Arc<dyn DirectWrite>>,
    last_write: Option<Instant>,
}

impl DirectWriter {
    /// Sets the connection.
    pub(super) fn open(&mut self, connection: Option<Arc<dyn DirectWrite>>) {
        self.connection = connection.filter(|_| FastPath::DirectWrite.is_on());
    }

    /// Drops the connection: a handle of a session that is over does not keep it open.
    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether a frame for a session that is idle, and has nothing queued, may be written.
    pub(super) fn chance(&self, budget: &mut WriteBudget) -> DirectChance {
        if !self.is_open() || self.has_just_written(budget.now()) {
            DirectChance::No
        } else if budget.left == 0 {
            DirectChance::Later
        } else {
            budget.left -= 1;
            DirectChance::Now
        }
    }

    /// [`DirectWrite::flush`].
    pub(super) fn flush(&self, frames: &mut dyn FrameSource) -> DirectFlushed {
        match &self.connection {
            Some(connection) => connection.flush(frames),
            None => DirectFlushed::default(),
        }
    }

    /// Notes that frames are written. Those that come right behind them are queued.
    pub(super) fn note_write(&mut self, budget: &mut WriteBudget) {
        self.last_write = Some(budget.now());
    }

    fn has_just_written(&self, now: Instant) -> bool {
        self.last_write
            .is_some_and(|last| now.saturating_duration_since(last) < MIN_WRITE_INTERVAL)
    }

    /// Makes the system call. The outbox's lock is held meanwhile, so a frame of another emitter comes behind this one.
    #[inline]
    pub(super) fn write(
        &mut self,
        frames: &mut dyn DirectFrames,
        budget: &mut WriteBudget,
    ) -> DirectWritten {
        let Some(connection) = &self.connection else {
            return DirectWritten::Nothing;
        };
        self.last_write = Some(budget.now());
        connection.write(frames)
    }
}
