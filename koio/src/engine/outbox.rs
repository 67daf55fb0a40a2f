//! What waits to be sent to one client: bounded in bytes and messages.
//!
//! One lock decides everything, so what is accepted is accepted in one order. The session's task writes what is
//! queued. Where nothing is, and the task is not in its turn, an emitter writes its frame itself, under that lock:
//! it costs less than to wake the task.
//!
//! What the session's own turn sends need not even take the lock: see [`cork`].

mod polls;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use super::{
    EngineConfig,
    cork::{self, CorkKey, CorkLimits, HEAVY},
    queue::{Entry, FrameQueue},
    transport::DirectWrite,
};
use crate::wire::{Draft, Frame};

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The client does not read fast enough: nothing was queued.
    Full,
    /// The session is over.
    Closed,
}

/// How much it matters that a frame goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Queued if there is room.
    Normal,
    /// Queued in any case: answers and heartbeats, whose number the client itself bounds, since the session
    /// stops reading while its queue is over the limit.
    Reply,
}

/// What follows a direct write that soon is queued, so that a burst leaves in few writes.
const MIN_WRITE_INTERVAL: Duration = Duration::from_micros(100);

/// What became of a frame that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// It is written, or the session's task will write it.
    Done,
    /// It is queued and nobody has been told: the caller owes a [`flush`](Outbox::flush).
    NeedsFlush,
}

/// What one go may write itself, past the sessions' tasks.
#[derive(Debug)]
pub(crate) struct WriteBudget {
    left: usize,
    /// When it began, which is read once: the clock costs as much as all else here but the write itself.
    begun: Option<Instant>,
}

impl WriteBudget {
    pub(crate) fn up_to(left: usize) -> Self {
        Self { left, begun: None }
    }

    fn begun(&mut self) -> Instant {
        *self.begun.get_or_insert_with(Instant::now)
    }
}

/// How much is queued, for those who ask often.
const EMPTY: u8 = 0;
const LIGHT: u8 = 1;
const WORTH_A_WRITE: u8 = 2;
const OVER_LIMIT: u8 = 3;
/// However much it is: nothing more may come.
const CLOSED: u8 = 4;

pub(crate) struct Outbox {
    max_bytes: usize,
    max_messages: usize,
    /// What the state says about how much is queued. Written under its lock only.
    load: AtomicU8,
    state: Mutex<OutboxState>,
}

#[derive(Default)]
struct OutboxState {
    queue: FrameQueue,
    bytes: usize,
    messages: usize,
    closed: bool,
    /// Whether the transport would take something now; what is volatile is queued only then.
    writable: bool,
    /// The session's task is in its turn and flushes at the end: nobody needs to wake it.
    corked: bool,
    /// Somebody woke the task during its turn, maybe after it had looked at what they wanted.
    woken: bool,
    waker: Option<Waker>,
    /// There while the transport is a connection that an emitter may write to.
    direct_writer: Option<Arc<dyn DirectWrite>>,
    /// When it was last used.
    written: Option<Instant>,
    /// Somebody will flush the queue: nobody needs to wake the task.
    owed: bool,
    /// The task wants to know of every poll.
    heeds_polls: bool,
}

impl Outbox {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self {
            max_bytes: config.send_queue_bytes,
            max_messages: config.send_queue_messages,
            load: AtomicU8::new(EMPTY),
            state: Mutex::default(),
        }
    }

    // A panic elsewhere can't leave the queue half changed: each critical section ends with plain assignments.
    fn state(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, with what this thread has corked in it.
    fn whole_state(&self) -> MutexGuard<'_, OutboxState> {
        let mut state = self.state();
        if state.corked {
            cork::take(self.key(), |frames, messages| {
                state.queue.put_first(frames, messages);
                let bytes = state.bytes + frames.len();
                let messages = state.messages + usize::from(messages);
                self.weigh(&mut state, bytes, messages);
            });
        }
        state
    }

    fn key(&self) -> CorkKey {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn push(&self, frame: &Frame, urgency: Urgency) -> Result<(), SendError> {
        self.accept(Entry::Shared(frame), urgency, &mut WriteBudget::up_to(1))
            .map(drop)
    }

    /// [`push`](Self::push) for one recipient of many.
    pub(crate) fn share(
        &self,
        frame: &Frame,
        writes: &mut WriteBudget,
    ) -> Result<SendOutcome, SendError> {
        self.accept(Entry::Shared(frame), Urgency::Normal, writes)
    }

    /// [`push`](Self::push) for a frame that nobody else needs: there is no reference to count.
    pub(crate) fn give(&self, frame: Frame, urgency: Urgency) -> Result<(), SendError> {
        self.accept(Entry::Own(frame), urgency, &mut WriteBudget::up_to(1))
            .map(drop)
    }

    /// [`give`](Self::give) for a frame that need not stay one.
    pub(crate) fn append(&self, mut draft: Draft, urgency: Urgency) -> Result<(), SendError> {
        // Without the lock: what another task has queued is seen here if this comes after it.
        if self.load.load(Ordering::Relaxed) == EMPTY {
            let limits = CorkLimits {
                bytes: self.max_bytes,
                messages: self.max_messages,
            };
            if cork::append(self.key(), &draft, &limits) {
                return Ok(());
            }
        }
        self.accept(
            Entry::Draft(&mut draft),
            urgency,
            &mut WriteBudget::up_to(1),
        )
        .map(drop)
    }

    fn accept(
        &self,
        entry: Entry<'_>,
        urgency: Urgency,
        writes: &mut WriteBudget,
    ) -> Result<SendOutcome, SendError> {
        let mut state = self.whole_state();
        if state.closed {
            return Err(SendError::Closed);
        }
        let (bytes, messages) = (state.bytes + entry.len(), state.messages + entry.messages());
        // A single frame above the limit is still let through an empty queue: it could never go otherwise.
        let full = bytes > self.max_bytes || messages > self.max_messages;
        if full && urgency == Urgency::Normal && !state.queue.is_empty() {
            return Err(SendError::Full);
        }
        if state.corked {
            // Nearly all answers: whoever has corked it writes it, and nobody is to be told.
            state.queue.push(entry);
            self.weigh(&mut state, bytes, messages);
            return Ok(SendOutcome::Done);
        }
        Ok(self.send(state, entry, writes))
    }

    /// Accepts the frame only if it would go out at once; says whether it did.
    pub(crate) fn push_volatile(
        &self,
        frame: &Frame,
        writes: &mut WriteBudget,
    ) -> Option<SendOutcome> {
        let state = self.whole_state();
        if state.closed || !state.writable || !state.queue.is_empty() {
            return None;
        }
        Some(self.send(state, Entry::Shared(frame), writes))
    }

    /// WriteBudget the frame, or queues it and wakes the session's task.
    fn send(
        &self,
        mut state: MutexGuard<'_, OutboxState>,
        mut entry: Entry<'_>,
        writes: &mut WriteBudget,
    ) -> SendOutcome {
        let direct =
            state.is_at_rest() && state.queue.is_empty() && !state.has_just_written(writes.begun());
        let owed = direct && writes.left == 0;
        if direct && !owed {
            writes.left -= 1;
            let written = state.write(entry.bytes(), writes);
            if written == entry.len() {
                return SendOutcome::Done;
            }
            if written > 0 {
                entry = Entry::Own(entry.into_frame().unwritten(written));
            }
        }
        let (bytes, messages) = (state.bytes + entry.len(), state.messages + entry.messages());
        state.queue.push(entry);
        self.weigh(&mut state, bytes, messages);
        if owed {
            state.owed = true;
            return SendOutcome::NeedsFlush;
        }
        if !state.owed {
            Self::wake_task(state);
        }
        SendOutcome::Done
    }

    /// WriteBudget what is queued, if that can be done here; else the session's task does it.
    pub(crate) fn flush(&self, writes: &mut WriteBudget) {
        let mut state = self.state();
        state.owed = false;
        if state.queue.is_empty() {
            return;
        }
        if state.is_at_rest() && state.bytes <= HEAVY {
            let (total, messages) = (state.bytes, state.messages);
            let Some(mut together) = state.queue.pop() else {
                return;
            };
            if !state.queue.is_empty() {
                together = together.followed_by(state.queue.take_all());
            }
            let written = state.write(together.bytes(), writes);
            if written == total {
                self.weigh(&mut state, 0, 0);
                return;
            }
            let rest = Entry::Own(together.unwritten(written));
            state.queue.push(rest);
            self.weigh(&mut state, total - written, messages);
        }
        Self::wake_task(state);
    }

    fn wake_task(mut state: MutexGuard<'_, OutboxState>) {
        // In its turn the task looks at the queue before it rests.
        let waker = if state.corked {
            None
        } else {
            state.waker.take()
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Notes how much is queued now.
    fn weigh(&self, state: &mut OutboxState, bytes: usize, messages: usize) {
        state.bytes = bytes;
        state.messages = messages;
        let load = if state.closed {
            CLOSED
        } else if bytes > self.max_bytes || messages > self.max_messages {
            OVER_LIMIT
        } else if bytes >= HEAVY {
            WORTH_A_WRITE
        } else if bytes > 0 {
            LIGHT
        } else {
            EMPTY
        };
        if load != self.load.load(Ordering::Relaxed) {
            self.load.store(load, Ordering::Relaxed);
        }
    }

    /// Wakes the session's task, for reasons other than a frame.
    pub(crate) fn wake(&self) {
        let mut state = self.state();
        // The waker may have been used up to begin this very turn.
        if state.corked {
            state.woken = true;
            return;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The session's turn begins: pushes need not wake it.
    pub(crate) fn cork(&self) {
        let mut state = self.state();
        state.corked = true;
        state.woken = false;
        drop(state);
        cork::begin(self.key());
    }

    /// The session's task lets go of this thread, corked or not.
    pub(crate) fn leave(&self) {
        if !cork::end(self.key()) {
            drop(self.whole_state());
            cork::end(self.key());
        }
    }

    /// The session's turn ends; from here on a push wakes it. False if something was queued or somebody woke it
    /// since the caller looked last: then it must look again.
    pub(crate) fn uncork(&self, waker: &Waker, writable: bool) -> bool {
        let mut state = self.whole_state();
        let woken = std::mem::take(&mut state.woken);
        if woken || (writable && !state.queue.is_empty()) {
            return false;
        }
        state.corked = false;
        cork::end(self.key());
        state.writable = writable;
        match &mut state.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        true
    }

    /// Whether the next frame may be written directly (nothing waits).
    pub(crate) fn is_empty(&self) -> bool {
        self.whole_state().queue.is_empty()
    }

    /// Whether more is queued than the limit allows: then the session stops reading.
    pub(crate) fn is_over_limit(&self) -> bool {
        // Asked for every message, so without the lock. What this task has queued itself it sees; what others have
        // queued it sees at the next lock at the latest.
        self.load.load(Ordering::Relaxed) == OVER_LIMIT
    }

    /// Whether so much is queued that it had better be written before the turn ends.
    pub(crate) fn is_heavy(&self) -> bool {
        match self.load.load(Ordering::Relaxed) {
            EMPTY => cork::is_heavy(self.key()),
            load => matches!(load, WORTH_A_WRITE | OVER_LIMIT),
        }
    }

    /// Lets emitters write to the connection from the end of this turn on.
    pub(crate) fn open_direct_writer(&self, direct_writer: Option<Arc<dyn DirectWrite>>) {
        self.state().direct_writer = direct_writer;
    }

    /// Takes the oldest frame.
    pub(crate) fn pop(&self) -> Option<Frame> {
        let mut state = self.whole_state();
        let frame = state.queue.pop()?;
        let (bytes, messages) = (state.bytes - frame.len(), state.messages - frame.messages());
        self.weigh(&mut state, bytes, messages);
        Some(frame)
    }

    /// Takes the oldest frames as far as they are small, at most `left` of them, and puts them behind what is in
    /// `together`, until that is `enough`. Says whether there are more.
    pub(crate) fn gather(&self, together: &mut Vec<u8>, enough: usize, left: &mut usize) -> bool {
        cork::gather(self.key(), together);
        // What somebody queues at this very moment is found when the turn ends.
        if self.load.load(Ordering::Relaxed) == EMPTY {
            return false;
        }
        let mut state = self.state();
        let gathered = state.queue.gather(together, enough, left);
        let (bytes, messages) = (
            state.bytes - gathered.bytes,
            state.messages - gathered.messages,
        );
        self.weigh(&mut state, bytes, messages);
        !state.queue.is_empty()
    }

    /// Takes what the turn has corked, if nothing else is queued.
    pub(crate) fn take_corked(&self) -> Option<Frame> {
        // What somebody queues at this very moment is found when the turn ends.
        if self.load.load(Ordering::Relaxed) != EMPTY {
            return None;
        }
        let mut corked = None;
        cork::take(self.key(), |frames, messages| {
            corked = Some(Frame::new(frames.to_vec(), messages));
        });
        corked
    }

    /// Takes everything, oldest first.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = Frame> + use<> {
        let mut state = self.whole_state();
        self.weigh(&mut state, 0, 0);
        state.queue.take_all()
    }

    /// Refuses every later push. What is queued stays, unless it is not worth waiting for.
    pub(crate) fn close(&self, discard: bool) {
        let mut state = self.whole_state();
        state.closed = true;
        cork::end(self.key());
        // Whoever keeps a handle of the session does not keep its connection.
        state.direct_writer = None;
        if discard {
            state.queue = FrameQueue::default();
            (state.bytes, state.messages) = (0, 0);
        }
        let (bytes, messages) = (state.bytes, state.messages);
        self.weigh(&mut state, bytes, messages);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }
}

impl OutboxState {
    /// Whether the connection is open to emitters: the task is not in its turn, and whatever it was given is written.
    fn is_at_rest(&self) -> bool {
        !self.corked && self.writable && self.direct_writer.is_some()
    }

    fn has_just_written(&self, now: Instant) -> bool {
        self.written
            .is_some_and(|written| now.saturating_duration_since(written) < MIN_WRITE_INTERVAL)
    }

    /// WriteBudget past the session's task, and says how much. The lock is held meanwhile, so that what another emitter
    /// sends comes behind it. An error is for the task to find.
    fn write(&mut self, bytes: &[u8], writes: &mut WriteBudget) -> usize {
        let Some(direct_writer) = &self.direct_writer else {
            return 0;
        };
        self.written = Some(writes.begun());
        direct_writer.try_write(bytes).unwrap_or(0)
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
