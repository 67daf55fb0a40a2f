//! [`Outbox`]: which frames are accepted, in which order, and which task sends them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    crowd,
    direct_writer::{DirectChance, WriteBudget},
    flush_waiters::Taking,
    limits::{self, NotQueued, Overfull, QueueLimits, SendError, SlowCause, Urgency},
    load::{AtomicLoad, Load},
    queue::{FrameQueue, OfferedFrames, QueueEntry},
    state::OutboxState,
    turn_buffer::{self, HEAVY},
    waiters::ReadyWakers,
};
use crate::{
    engine::{
        EngineConfig,
        ending::Ending,
        transport::{DirectWrite, DirectWritten},
    },
    time::now,
    wire::{Draft, Frame},
};

/// What became of a frame that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// It is written, or the session's task will write it.
    Done,
    /// It is queued, and the caller must call [`flush`](Outbox::flush).
    NeedsFlush,
}

/// The frames that wait to be sent to one client.
pub(crate) struct Outbox {
    pub(super) limits: QueueLimits,
    /// The load of `state`, written under its lock.
    pub(super) load: AtomicLoad,
    /// The thread whose turn buffer belongs to this session, or 0. Written by that thread only.
    pub(super) turn_thread: AtomicU32,
    pub(super) state: Mutex<OutboxState>,
}

impl Outbox {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self {
            limits: QueueLimits::new(config),
            load: AtomicLoad::new(Load::Empty),
            turn_thread: AtomicU32::new(0),
            state: Mutex::default(),
        }
    }

    /// Queues or writes a frame.
    pub(crate) fn push(&self, frame: &Frame, urgency: Urgency) -> Result<(), NotQueued> {
        self.accept(
            QueueEntry::Shared(frame),
            urgency,
            &mut WriteBudget::up_to(1),
        )
        .map(drop)
    }

    /// [`push`](Self::push) for one recipient of many.
    pub(crate) fn share(
        &self,
        frame: &Frame,
        budget: &mut WriteBudget,
    ) -> Result<SendOutcome, NotQueued> {
        self.accept(QueueEntry::Shared(frame), Urgency::Shared, budget)
    }

    /// [`push`](Self::push) for a frame with one recipient: no reference is counted.
    pub(crate) fn give(&self, frame: Frame, urgency: Urgency) -> Result<(), NotQueued> {
        self.accept(QueueEntry::Own(frame), urgency, &mut WriteBudget::up_to(1))
            .map(drop)
    }

    /// [`give`](Self::give) for a draft, which may be copied behind other frames.
    pub(crate) fn append(&self, mut draft: Draft, urgency: Urgency) -> Result<(), NotQueued> {
        // Without the lock: a frame that another task queued before this call is seen here.
        if self.load.get() == Load::Empty
            && self.is_in_turn_of_this_thread()
            && turn_buffer::append(&draft, &self.limits)
        {
            return Ok(());
        }
        self.accept(
            QueueEntry::Draft(&mut draft),
            urgency,
            &mut WriteBudget::up_to(1),
        )
        .map(drop)
    }

    /// Accepts the frame only if it would go out at once. Otherwise `None`.
    pub(crate) fn push_volatile(
        &self,
        frame: &Frame,
        budget: &mut WriteBudget,
    ) -> Option<SendOutcome> {
        let state = self.state_with_turn();
        if !state.is_clear() {
            return None;
        }
        Some(self.send(state, QueueEntry::Shared(frame), budget))
    }

    fn accept(
        &self,
        entry: QueueEntry<'_>,
        urgency: Urgency,
        budget: &mut WriteBudget,
    ) -> Result<SendOutcome, NotQueued> {
        let state = self.state_with_turn();
        if state.closed {
            return Err(NotQueued::Closed);
        }
        if self.limits.is_above_first(state.waiting) {
            return self.accept_above(state, entry, urgency, budget);
        }
        Ok(self.pass_on(state, entry, budget))
    }

    /// Sends a frame that is accepted: the session's turn does, or this thread.
    #[inline]
    fn pass_on(
        &self,
        mut state: MutexGuard<'_, OutboxState>,
        entry: QueueEntry<'_>,
        budget: &mut WriteBudget,
    ) -> SendOutcome {
        if !state.in_turn {
            return self.send(state, entry, budget);
        }
        // Nearly all of these are answers of the session's own turn. The turn sends them.
        self.queue(&mut state, entry);
        if state.waiting >= HEAVY && state.writable {
            // A handler that emits much would otherwise fill the queue until it yields.
            self.offer(&mut state);
            self.release(state);
        }
        SendOutcome::Done
    }

    /// Accepts a frame that finds the queue above its first mark, if there is a reason to.
    #[cold]
    fn accept_above(
        &self,
        mut state: MutexGuard<'_, OutboxState>,
        entry: QueueEntry<'_>,
        urgency: Urgency,
        budget: &mut WriteBudget,
    ) -> Result<SendOutcome, NotQueued> {
        if urgency == Urgency::Shared {
            crowd::note();
        }
        let was_writable = state.writable;
        let admitted = self.admit(&mut state, urgency, 0, budget);
        let ready = self.take_ready(&mut state);
        // Events of the client wait for this, and what was written here does not wake the task that starts them.
        let starts_events = !state.in_turn && !self.limits.is_above_first(state.waiting);
        let sent = match admitted {
            Ok(()) => Ok(self.pass_on(state, entry, budget)),
            Err(refused) => {
                if was_writable && !state.writable {
                    // The task does not wait for the connection yet.
                    OutboxState::wake_task(state);
                } else {
                    drop(state);
                }
                Err(refused)
            }
        };
        ready.wake();
        if starts_events {
            self.wake();
        }
        sent
    }

    /// Whether a queue that is above its first mark takes another frame. What waits may never have been offered to the
    /// network, because the task of the session had no turn. So the connection is tried before a frame is refused, and once
    /// when the mark is reached. `own`: what the frame counts in the queue, if it is there already.
    pub(super) fn admit(
        &self,
        state: &mut OutboxState,
        urgency: Urgency,
        own: usize,
        budget: &mut WriteBudget,
    ) -> Result<(), NotQueued> {
        let now = now();
        let pressure = state.pressure.get_or_insert_default();
        let is_first = pressure.stalled_since.is_none();
        let since = *pressure.stalled_since.get_or_insert(now);
        let before = |state: &OutboxState| state.waiting.saturating_sub(own);
        let mut judged = self.limits.judge(urgency, before(state), since, now);
        let tries = match judged {
            Ok(()) => is_first && budget.covers(state.waiting),
            Err(_) => true,
        };
        if tries && self.offer(state) {
            judged = self.limits.judge(urgency, before(state), now, now);
        }
        judged.map_err(|refused| match refused {
            Overfull::Full => NotQueued::Full,
            Overfull::Slow(cause) => {
                state.pressure.get_or_insert_default().slow = Some(cause);
                NotQueued::SlowConsumer
            }
        })
    }

    /// Offers all that is queued to the connection, if this thread may write to it. Returns whether the connection has taken
    /// something.
    ///
    /// No other thread writes during a turn: it does not see the frames in the buffer of the turn's thread, which come first.
    pub(super) fn offer(&self, state: &mut OutboxState) -> bool {
        if !state.direct.is_open() || (state.in_turn && !self.is_in_turn_of_this_thread()) {
            return false;
        }
        let mut frames = OfferedFrames {
            queue: &mut state.queue,
            taken: 0,
            is_asked: false,
        };
        let flushed = state.direct.flush(&mut frames);
        let (taken, is_asked) = (frames.taken, frames.is_asked);
        let waiting = state.waiting - taken;
        state.writable = flushed.is_all;
        if is_asked {
            state.took(taken, Taking::First);
        }
        if flushed.progressed {
            state.progressed();
        }
        self.set_load(state, waiting);
        flushed.progressed
    }

    /// [`offer`](Self::offer) for an idle session whose queue nearly always has one frame: that one is not copied.
    pub(super) fn offer_idle(&self, state: &mut OutboxState, budget: &mut WriteBudget) {
        if let Some(frame) = state.queue.pop_only() {
            let mut entry = QueueEntry::Own(frame);
            match state.direct.write(&mut entry, budget) {
                DirectWritten::Nothing => state.queue.push(entry),
                written => {
                    state.writable = written == DirectWritten::All;
                    state.took(state.waiting, Taking::First);
                    state.progressed();
                    self.set_load(state, 0);
                    return;
                }
            }
        }
        state.direct.note_write(budget);
        self.offer(state);
    }

    /// What the sender is told whose frame was not queued.
    #[cold]
    pub(crate) fn refused(&self, why: NotQueued) -> SendError {
        match why {
            NotQueued::Full => self.limits.full(self.state().waiting),
            NotQueued::SlowConsumer | NotQueued::Closed => SendError::Closed,
        }
    }

    /// Why the session, which ends as a slow consumer, does so.
    pub(crate) fn slow_cause(&self) -> SlowCause {
        let state = self.state();
        let by_queue = state.pressure.as_ref().and_then(|pressure| pressure.slow);
        by_queue.unwrap_or(self.limits.write_timeout_cause())
    }

    /// Writes the entry, or queues it and wakes the session's task.
    #[inline]
    fn send(
        &self,
        mut state: MutexGuard<'_, OutboxState>,
        mut entry: QueueEntry<'_>,
        budget: &mut WriteBudget,
    ) -> SendOutcome {
        let chance = if state.is_idle() && state.queue.is_empty() {
            state.direct.chance(budget)
        } else {
            DirectChance::No
        };
        if chance == DirectChance::Now {
            match state.direct.write(&mut entry, budget) {
                DirectWritten::All => return SendOutcome::Done,
                DirectWritten::Part => {
                    state.writable = false;
                    OutboxState::wake_task(state);
                    return SendOutcome::Done;
                }
                DirectWritten::Nothing => {}
            }
        }
        self.queue(&mut state, entry);
        if chance == DirectChance::Later {
            state.flush_promised = true;
            return SendOutcome::NeedsFlush;
        }
        if !state.flush_promised {
            OutboxState::wake_task(state);
        }
        SendOutcome::Done
    }

    /// Writes the queued frames, if the session is idle. Otherwise its task does.
    pub(crate) fn flush(&self, budget: &mut WriteBudget) {
        let mut state = self.state();
        state.flush_promised = false;
        if state.queue.is_empty() {
            return;
        }
        if state.is_idle() && state.direct.is_open() {
            self.offer_idle(&mut state, budget);
        }
        let ready = self.take_ready(&mut state);
        if state.writable && state.queue.is_empty() {
            drop(state);
        } else {
            OutboxState::wake_task(state);
        }
        ready.wake();
    }

    pub(super) fn queue(&self, state: &mut OutboxState, entry: QueueEntry<'_>) {
        let waiting = state.waiting + entry.weight();
        state.queue.push(entry);
        self.set_load(state, waiting);
    }

    /// Wakes the session's task, for reasons other than a frame.
    pub(crate) fn wake(&self) {
        let mut state = self.state();
        if state.in_turn {
            // `waker` may have been taken to begin this turn.
            state.woken = true;
            return;
        }
        OutboxState::wake_task(state);
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.state_with_turn().queue.is_empty()
    }

    /// Whether the queue is at its first mark or above. The session does not read then.
    pub(crate) fn is_above_mark(&self) -> bool {
        // Asked for every message, so without the lock. The session's own frames are seen at once, those of other tasks at
        // the next lock at the latest.
        self.load.get() == Load::AboveMark
    }

    /// Whether so much is queued that it should be sent before the turn ends.
    pub(crate) fn is_heavy(&self) -> bool {
        match self.load.get() {
            Load::Empty => self.is_in_turn_of_this_thread() && turn_buffer::is_heavy(),
            load => matches!(load, Load::Heavy | Load::AboveMark),
        }
    }

    /// Lets emitters write to the connection from the end of this turn on.
    pub(crate) fn open_direct_writer(&self, connection: Option<Arc<dyn DirectWrite>>) {
        self.state().direct.open(connection);
    }

    /// Refuses every later frame. [`Ending::Cut`] drops the queued ones.
    pub(crate) fn close(&self, ending: Ending) {
        let mut state = self.state_with_turn();
        state.closed = true;
        state.direct.close();
        if ending == Ending::Cut {
            state.queue = FrameQueue::default();
            state.waiting = 0;
        }
        let waiting = state.waiting;
        self.set_load(&mut state, waiting);
        self.release(state);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.load.get() == Load::Closed
    }

    /// Whether this thread's turn buffer belongs to this session. Only this thread can make that true or false.
    pub(super) fn is_in_turn_of_this_thread(&self) -> bool {
        let thread = self.turn_thread.load(Ordering::Relaxed);
        thread != 0 && turn_buffer::this_thread().is_some_and(|this| this.get() == thread)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock()
    }

    /// [`state`](Self::state), with the frames that this thread's turn has collected moved to the head of the queue.
    #[inline]
    pub(super) fn state_with_turn(&self) -> MutexGuard<'_, OutboxState> {
        let mut state = self.state();
        if self.is_in_turn_of_this_thread() {
            turn_buffer::take(|frames, messages| {
                state.queue.put_first(frames, messages);
                let weight = limits::weight(frames.len(), messages.into());
                let waiting = state.waiting + weight;
                self.set_load(&mut state, waiting);
            });
        }
        state
    }

    /// The tasks that wait for the queue to be below its first mark, if it is, or if it is closed; and those that wait for what
    /// has been taken.
    #[inline]
    pub(super) fn take_ready(&self, state: &mut OutboxState) -> ReadyWakers {
        match &state.pressure {
            None => ReadyWakers::default(),
            Some(_) => self.take_ready_under_pressure(state),
        }
    }

    #[cold]
    fn take_ready_under_pressure(&self, state: &mut OutboxState) -> ReadyWakers {
        let Some(pressure) = &mut state.pressure else {
            return ReadyWakers::default();
        };
        let mut ready = match state.closed || !self.limits.is_above_first(state.waiting) {
            true => pressure.waiters.take_all(),
            false => ReadyWakers::default(),
        };
        let is_written = state.writable && !state.in_turn;
        let flushes = &mut pressure.flushes;
        flushes.take_done(state.closed, is_written, &mut ready);
        ready
    }

    /// Unlocks, and then wakes the tasks that have waited for room, if there is some.
    pub(super) fn release(&self, mut state: MutexGuard<'_, OutboxState>) {
        let ready = self.take_ready(&mut state);
        drop(state);
        ready.wake();
    }

    /// Sets how much is queued.
    pub(super) fn set_load(&self, state: &mut OutboxState, waiting: usize) {
        state.waiting = waiting;
        let load = if state.closed {
            Load::Closed
        } else if waiting == 0 {
            Load::Empty
        } else if self.limits.is_above_first(waiting) {
            Load::AboveMark
        } else if waiting >= HEAVY {
            Load::Heavy
        } else {
            Load::Light
        };
        self.load.set(load);
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
