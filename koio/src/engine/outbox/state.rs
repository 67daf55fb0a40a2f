//! [`OutboxState`]: what the outbox's lock guards.

use std::{task::Waker, time::Instant};

use parking_lot::MutexGuard;

use super::{
    direct_writer::DirectWriter,
    flush_waiters::{FlushWaiters, Taking},
    limits::SlowCause,
    queue::FrameQueue,
    waiters::Waiters,
};

#[derive(Default)]
pub(super) struct OutboxState {
    pub(super) queue: FrameQueue,
    /// What the frames in `queue` count.
    pub(super) waiting: usize,
    pub(super) closed: bool,
    /// Whether the transport would take a frame now.
    pub(super) writable: bool,
    /// The session's task is in its turn, and looks at the queue before the turn ends.
    pub(super) in_turn: bool,
    /// The task was woken during its turn, maybe after it had looked for the cause.
    pub(super) woken: bool,
    /// The task must run when the transport becomes writable.
    pub(super) wakes_when_writable: bool,
    /// An emitter will call `flush`, so the task need not be woken.
    pub(super) flush_promised: bool,
    pub(super) waker: Option<Waker>,
    pub(super) direct: DirectWriter,
    /// Boxed, and absent in a queue that was never above a mark, to keep idle sessions small.
    pub(super) pressure: Option<Box<Pressure>>,
}

/// What a queue needs that has reached its first mark, or that a task waits for.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// When the queue was first found above the mark since the client last took anything. The clock is read only there: an
    /// event for a client whose queue is short reads none.
    pub(super) stalled_since: Option<Instant>,
    /// The tasks that wait until the queue is below the mark.
    pub(super) waiters: Waiters,
    /// The tasks that wait until what is queued has been taken.
    pub(super) flushes: FlushWaiters,
    /// Why the queue has the session cut.
    pub(super) slow: Option<SlowCause>,
}

impl OutboxState {
    /// Whether the session's task is not in its turn, and its transport has written all that it was given.
    pub(super) fn is_idle(&self) -> bool {
        !self.in_turn && self.writable
    }

    /// Whether a frame would go out at once. A volatile one is queued only then.
    pub(super) fn is_clear(&self) -> bool {
        !self.closed && self.writable && self.queue.is_empty()
    }

    /// The client has taken something.
    pub(super) fn progressed(&mut self) {
        if let Some(pressure) = &mut self.pressure {
            pressure.stalled_since = None;
        }
    }

    /// The transport has taken frames of this weight out of the queue. It may have written none of them.
    pub(super) fn took(&mut self, weight: usize, taking: Taking) {
        if let Some(pressure) = &mut self.pressure {
            pressure.flushes.taken(weight, taking);
        }
    }

    /// Wakes the session's task, unless it is in its turn.
    pub(super) fn wake_task(mut this: MutexGuard<'_, Self>) {
        let waker = if this.in_turn {
            None
        } else {
            this.waker.take()
        };
        drop(this);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
