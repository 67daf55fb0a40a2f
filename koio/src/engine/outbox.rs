//! What waits to be sent to one client: bounded in bytes and messages.
//!
//! One lock decides everything, so what is accepted is accepted in one order. Emitters queue and wake; only the
//! session's task writes.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use super::EngineConfig;
use crate::wire::Frame;

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

/// Frames that an empty queue has room for: the least that a `VecDeque` makes.
const IDLE: usize = 4;

#[derive(Debug)]
pub(crate) struct Outbox {
    max_bytes: usize,
    max_messages: usize,
    /// What the state says about the limits. Written under its lock only.
    over_limit: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Frame>,
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
}

impl Outbox {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self {
            max_bytes: config.send_queue_bytes,
            max_messages: config.send_queue_messages,
            over_limit: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    // A panic elsewhere can't leave the queue half changed: each critical section ends with plain assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, frame: &Frame, urgency: Urgency) -> Result<(), SendError> {
        self.give(frame.clone(), urgency)
    }

    /// [`push`](Self::push) for a frame that nobody else needs: there is no reference to count.
    pub(crate) fn give(&self, frame: Frame, urgency: Urgency) -> Result<(), SendError> {
        let state = self.state();
        if state.closed {
            return Err(SendError::Closed);
        }
        let (bytes, messages) = (state.bytes + frame.len(), state.messages + frame.messages());
        // A single frame above the limit is still let through an empty queue: it could never go otherwise.
        let full = bytes > self.max_bytes || messages > self.max_messages;
        if full && urgency == Urgency::Normal && !state.queue.is_empty() {
            return Err(SendError::Full);
        }
        self.enqueue(state, frame, bytes, messages);
        Ok(())
    }

    /// Queues the frame only if it would go out at once; says whether it did.
    pub(crate) fn push_volatile(&self, frame: &Frame) -> bool {
        let state = self.state();
        if state.closed || !state.writable || !state.queue.is_empty() {
            return false;
        }
        let (bytes, messages) = (frame.len(), frame.messages());
        self.enqueue(state, frame.clone(), bytes, messages);
        true
    }

    fn enqueue(
        &self,
        mut state: MutexGuard<'_, State>,
        frame: Frame,
        bytes: usize,
        messages: usize,
    ) {
        state.queue.push_back(frame);
        self.weigh(&mut state, bytes, messages);
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
    fn weigh(&self, state: &mut State, bytes: usize, messages: usize) {
        state.bytes = bytes;
        state.messages = messages;
        let over = bytes > self.max_bytes || messages > self.max_messages;
        if over != self.over_limit.load(Ordering::Relaxed) {
            self.over_limit.store(over, Ordering::Relaxed);
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
    }

    /// The session's turn ends; from here on a push wakes it. False if something was queued or somebody woke it
    /// since the caller looked last: then it must look again.
    pub(crate) fn uncork(&self, waker: &Waker, writable: bool) -> bool {
        let mut state = self.state();
        let woken = std::mem::take(&mut state.woken);
        if woken || (writable && !state.queue.is_empty()) {
            return false;
        }
        state.corked = false;
        state.writable = writable;
        match &mut state.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        true
    }

    /// Whether the next frame may be written directly (nothing waits).
    pub(crate) fn is_empty(&self) -> bool {
        self.state().queue.is_empty()
    }

    /// Whether more is queued than the limit allows: then the session stops reading.
    pub(crate) fn is_over_limit(&self) -> bool {
        // Asked for every message, so without the lock. What this task has queued itself it sees; what others have
        // queued it sees at the next lock at the latest.
        self.over_limit.load(Ordering::Relaxed)
    }

    /// Takes the oldest frame.
    pub(crate) fn pop(&self) -> Option<Frame> {
        let mut state = self.state();
        let frame = state.queue.pop_front();
        match &frame {
            Some(frame) => {
                let (bytes, messages) =
                    (state.bytes - frame.len(), state.messages - frame.messages());
                self.weigh(&mut state, bytes, messages);
            }
            // An idle session keeps a queue for an answer or two.
            None if state.queue.capacity() > IDLE => state.queue = VecDeque::new(),
            None => {}
        }
        frame
    }

    /// Takes everything, oldest first.
    pub(crate) fn take_all(&self) -> VecDeque<Frame> {
        let mut state = self.state();
        self.weigh(&mut state, 0, 0);
        std::mem::take(&mut state.queue)
    }

    /// Refuses every later push. What is queued stays, unless it is not worth waiting for.
    pub(crate) fn close(&self, discard: bool) {
        let mut state = self.state();
        state.closed = true;
        if discard {
            state.queue = VecDeque::new();
            self.weigh(&mut state, 0, 0);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn outbox(bytes: usize, messages: usize) -> Outbox {
        Outbox::new(&EngineConfig {
            send_queue_bytes: bytes,
            send_queue_messages: messages,
            ..EngineConfig::default()
        })
    }

    #[test]
    fn a_full_queue_refuses_and_keeps_what_it_has() {
        let outbox = outbox(usize::MAX, 2);
        let ping = Frame::ping();
        assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
        assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
        assert_eq!(outbox.push(&ping, Urgency::Normal), Err(SendError::Full));
        assert!(!outbox.is_over_limit());
        assert_eq!(outbox.push(&ping, Urgency::Reply), Ok(()));
        assert!(outbox.is_over_limit());
        assert_eq!(outbox.take_all().len(), 3);
        assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
    }

    #[test]
    fn bytes_are_counted_and_given_back() {
        let ping = Frame::ping();
        let outbox = outbox(ping.len() * 2, usize::MAX);
        outbox.push(&ping, Urgency::Normal).unwrap();
        outbox.push(&ping, Urgency::Normal).unwrap();
        assert_eq!(outbox.push(&ping, Urgency::Normal), Err(SendError::Full));
        assert!(outbox.pop().is_some());
        assert_eq!(outbox.push(&ping, Urgency::Normal), Ok(()));
    }

    #[test]
    fn a_closed_queue_takes_nothing() {
        let outbox = outbox(1_000, 10);
        outbox.push(&Frame::ping(), Urgency::Normal).unwrap();
        outbox.close(false);
        assert_eq!(
            outbox.push(&Frame::ping(), Urgency::Reply),
            Err(SendError::Closed)
        );
        assert!(outbox.pop().is_some());
    }

    #[test]
    fn volatile_frames_need_a_writable_transport_with_nothing_waiting() {
        let outbox = outbox(1_000, 10);
        let waker = Waker::from(Arc::new(Count::default()));
        assert!(!outbox.push_volatile(&Frame::noop()));
        assert!(outbox.uncork(&waker, true));
        assert!(outbox.push_volatile(&Frame::noop()));
        assert!(!outbox.push_volatile(&Frame::noop()));
    }

    #[test]
    fn a_push_wakes_only_outside_a_turn_and_a_turn_never_misses_one() {
        let outbox = outbox(1_000, 10);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert!(outbox.uncork(&waker, true));
        outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        outbox.cork();
        outbox.take_all();
        outbox.push(&Frame::noop(), Urgency::Normal).unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(
            !outbox.uncork(&waker, true),
            "something was queued meanwhile"
        );
        outbox.take_all();
        outbox.wake();
        assert!(!outbox.uncork(&waker, true), "somebody woke it meanwhile");
        assert!(outbox.uncork(&waker, true));
    }
}
