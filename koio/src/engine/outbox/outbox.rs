//! [`Outbox`]: which frames are accepted, in which order, and which task sends them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Waker,
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    direct_writer::{DirectChance, DirectWriter, WriteBudget},
    limits::{QueueLimits, SendError, Urgency},
    load::{AtomicLoad, Load},
    queue::{FrameQueue, QueueEntry},
    turn_buffer::{self, HEAVY},
};
use crate::{
    engine::{
        EngineConfig,
        ending::Ending,
        transport::{DirectWrite, DirectWritten},
    },
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
    limits: QueueLimits,
    /// The load of `state`, written under its lock.
    load: AtomicLoad,
    /// The thread whose turn buffer belongs to this session, or 0. Written by that thread only.
    turn_thread: AtomicU32,
    state: Mutex<OutboxState>,
}

#[derive(Default)]
struct OutboxState {
    queue: FrameQueue,
    bytes: usize,
    messages: usize,
    closed: bool,
    /// Whether the transport would take a frame now. A volatile frame is queued only then.
    writable: bool,
    /// The session's task is in its turn, and looks at the queue before the turn ends.
    in_turn: bool,
    /// The task was woken during its turn, maybe after it had looked for the cause.
    woken: bool,
    /// The task must run when the transport becomes writable.
    wakes_when_writable: bool,
    /// An emitter will call `flush`, so the task need not be woken.
    flush_promised: bool,
    waker: Option<Waker>,
    direct: DirectWriter,
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
    pub(crate) fn push(&self, frame: &Frame, urgency: Urgency) -> Result<(), SendError> {
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
    ) -> Result<SendOutcome, SendError> {
        self.accept(QueueEntry::Shared(frame), Urgency::Normal, budget)
    }

    /// [`push`](Self::push) for a frame with one recipient: no reference is counted.
    pub(crate) fn give(&self, frame: Frame, urgency: Urgency) -> Result<(), SendError> {
        self.accept(QueueEntry::Own(frame), urgency, &mut WriteBudget::up_to(1))
            .map(drop)
    }

    /// [`give`](Self::give) for a draft, which may be copied behind other frames.
    pub(crate) fn append(&self, mut draft: Draft, urgency: Urgency) -> Result<(), SendError> {
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
        if state.closed || !state.writable || !state.queue.is_empty() {
            return None;
        }
        Some(self.send(state, QueueEntry::Shared(frame), budget))
    }

    fn accept(
        &self,
        entry: QueueEntry<'_>,
        urgency: Urgency,
        budget: &mut WriteBudget,
    ) -> Result<SendOutcome, SendError> {
        let mut state = self.state_with_turn();
        if state.closed {
            return Err(SendError::Closed);
        }
        let bytes = state.bytes + entry.len();
        let messages = state.messages + entry.messages();
        let is_first = state.queue.is_empty();
        if self.limits.refuse(bytes, messages, is_first, urgency) {
            return Err(SendError::Full);
        }
        if state.in_turn {
            // Nearly all of these are answers of the session's own turn. The turn sends them.
            self.queue(&mut state, entry);
            return Ok(SendOutcome::Done);
        }
        Ok(self.send(state, entry, budget))
    }

    /// Writes the entry, or queues it and wakes the session's task.
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
                    wake_task(state);
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
            wake_task(state);
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
        if state.is_idle()
            && state.direct.is_open()
            && state.bytes <= HEAVY
            && let Some(frames) = state.queue.pop_all()
        {
            let mut entry = QueueEntry::Own(frames);
            match state.direct.write(&mut entry, budget) {
                DirectWritten::All => return self.set_load(&mut state, 0, 0),
                DirectWritten::Part => {
                    state.writable = false;
                    self.set_load(&mut state, 0, 0);
                }
                DirectWritten::Nothing => state.queue.push(entry),
            }
        }
        wake_task(state);
    }

    fn queue(&self, state: &mut OutboxState, entry: QueueEntry<'_>) {
        let bytes = state.bytes + entry.len();
        let messages = state.messages + entry.messages();
        state.queue.push(entry);
        self.set_load(state, bytes, messages);
    }

    /// Wakes the session's task, for reasons other than a frame.
    pub(crate) fn wake(&self) {
        let mut state = self.state();
        if state.in_turn {
            // `waker` may have been taken to begin this turn.
            state.woken = true;
            return;
        }
        wake_task(state);
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.state_with_turn().queue.is_empty()
    }

    /// Whether more is queued than the limit allows. The session stops reading then.
    pub(crate) fn is_over_limit(&self) -> bool {
        // Asked for every message, so without the lock. The session's own frames are seen at once, those of other tasks at
        // the next lock at the latest.
        self.load.get() == Load::OverLimit
    }

    /// Whether so much is queued that it should be sent before the turn ends.
    pub(crate) fn is_heavy(&self) -> bool {
        match self.load.get() {
            Load::Empty => self.is_in_turn_of_this_thread() && turn_buffer::is_heavy(),
            load => matches!(load, Load::Heavy | Load::OverLimit),
        }
    }

    /// Lets emitters write to the connection from the end of this turn on.
    pub(crate) fn open_direct_writer(&self, connection: Option<Arc<dyn DirectWrite>>) {
        self.state().direct.open(connection);
    }

    /// Takes the oldest frame.
    pub(crate) fn pop(&self) -> Option<Frame> {
        let mut state = self.state_with_turn();
        let frame = state.queue.pop()?;
        let bytes = state.bytes - frame.len();
        let messages = state.messages - frame.messages();
        self.set_load(&mut state, bytes, messages);
        Some(frame)
    }

    /// Takes everything, oldest first.
    #[cfg(test)]
    pub(crate) fn take_all(&self) -> impl Iterator<Item = Frame> + use<> {
        let mut state = self.state_with_turn();
        self.set_load(&mut state, 0, 0);
        state.queue.take_all()
    }

    /// Moves the oldest frames to the end of `buffer` as far as they are small, at most `left` of them, until `buffer` holds
    /// `enough` bytes. Returns whether there are more.
    pub(crate) fn gather(&self, buffer: &mut Vec<u8>, enough: usize, left: &mut usize) -> bool {
        if self.is_in_turn_of_this_thread() {
            turn_buffer::gather(buffer);
        }
        // A frame that is queued at this very moment is found when the turn ends.
        if self.load.get() == Load::Empty {
            return false;
        }
        let mut state = self.state();
        let gathered = state.queue.gather(buffer, enough, left);
        let bytes = state.bytes - gathered.bytes;
        let messages = state.messages - gathered.messages;
        self.set_load(&mut state, bytes, messages);
        !state.queue.is_empty()
    }

    /// See [`Session::take_queued`](crate::engine::Session::take_queued).
    pub(crate) fn take_queued<F: FnOnce() -> bool>(
        &self,
        is_current: F,
    ) -> Option<impl Iterator<Item = Frame> + use<F>> {
        // Without the lock: a frame that is queued at this moment wakes the task when `set_writable` has been called.
        if self.load.get() == Load::Empty {
            return None;
        }
        let mut state = self.state();
        let is_idle = !state.in_turn && !state.closed;
        // If the transport is writable, the task has an earlier request already. If the queue is over its limit, the task has
        // stopped reading and must be woken.
        let is_first = !state.writable && self.load.get() != Load::OverLimit;
        if !is_idle || !is_first || state.queue.is_empty() || !is_current() {
            return None;
        }
        self.set_load(&mut state, 0, 0);
        Some(state.queue.take_all())
    }

    /// See [`Session::set_writable`](crate::engine::Session::set_writable).
    pub(crate) fn set_writable(&self) -> bool {
        let mut state = self.state();
        // Writable already: the task has an earlier request.
        let needs_task =
            state.in_turn || state.closed || state.writable || state.wakes_when_writable;
        let can_wait = !needs_task && state.queue.is_empty();
        state.writable |= can_wait;
        can_wait
    }

    /// Whether the task must run when the transport becomes writable.
    pub(crate) fn wake_when_writable(&self, wakes: bool) {
        self.state().wakes_when_writable = wakes;
    }

    /// Refuses every later frame. [`Ending::Cut`] drops the queued ones.
    pub(crate) fn close(&self, ending: Ending) {
        let mut state = self.state_with_turn();
        state.closed = true;
        state.direct.close();
        if ending == Ending::Cut {
            state.queue = FrameQueue::default();
            (state.bytes, state.messages) = (0, 0);
        }
        let (bytes, messages) = (state.bytes, state.messages);
        self.set_load(&mut state, bytes, messages);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.load.get() == Load::Closed
    }

    // The turn. See `TurnGuard`.

    pub(super) fn begin_turn(&self) {
        let mut state = self.state();
        state.in_turn = true;
        state.woken = false;
        drop(state);
        if !self.is_in_turn_of_this_thread()
            && let Some(thread) = turn_buffer::reserve()
        {
            self.turn_thread.store(thread.get(), Ordering::Relaxed);
        }
    }

    pub(super) fn end_turn(&self, waker: &Waker, writable: bool) -> bool {
        let mut state = self.state_with_turn();
        let woken = std::mem::take(&mut state.woken);
        if woken || (writable && !state.queue.is_empty()) {
            return false;
        }
        state.in_turn = false;
        state.writable = writable;
        match &mut state.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        drop(state);
        self.release_buffer();
        true
    }

    pub(super) fn leave_thread(&self) {
        if self.is_in_turn_of_this_thread() {
            drop(self.state_with_turn());
            self.release_buffer();
        }
    }

    fn release_buffer(&self) {
        if self.is_in_turn_of_this_thread() {
            self.turn_thread.store(0, Ordering::Relaxed);
            turn_buffer::release();
        }
    }

    /// Whether this thread's turn buffer belongs to this session. Only this thread can make that true or false.
    fn is_in_turn_of_this_thread(&self) -> bool {
        let thread = self.turn_thread.load(Ordering::Relaxed);
        thread != 0 && turn_buffer::this_thread().is_some_and(|this| this.get() == thread)
    }

    fn state(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock()
    }

    /// [`state`](Self::state), with the frames that this thread's turn has collected moved to the head of the queue.
    #[inline]
    fn state_with_turn(&self) -> MutexGuard<'_, OutboxState> {
        let mut state = self.state();
        if self.is_in_turn_of_this_thread() {
            turn_buffer::take(|frames, messages| {
                state.queue.put_first(frames, messages);
                let bytes = state.bytes + frames.len();
                let messages = state.messages + usize::from(messages);
                self.set_load(&mut state, bytes, messages);
            });
        }
        state
    }

    /// Sets how much is queued.
    fn set_load(&self, state: &mut OutboxState, bytes: usize, messages: usize) {
        state.bytes = bytes;
        state.messages = messages;
        let load = if state.closed {
            Load::Closed
        } else if self.limits.are_exceeded(bytes, messages) {
            Load::OverLimit
        } else if bytes >= HEAVY {
            Load::Heavy
        } else if bytes > 0 {
            Load::Light
        } else {
            Load::Empty
        };
        self.load.set(load);
    }
}

/// Wakes the session's task, unless it is in its turn.
fn wake_task(mut state: MutexGuard<'_, OutboxState>) {
    let waker = if state.in_turn {
        None
    } else {
        state.waker.take()
    };
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl OutboxState {
    /// Whether the session's task is not in its turn, and its transport has written all that it was given.
    fn is_idle(&self) -> bool {
        !self.in_turn && self.writable
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
