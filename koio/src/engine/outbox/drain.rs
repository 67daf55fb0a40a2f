//! The outbox as the session's task uses it: its turn, and what it takes out.

use std::{sync::atomic::Ordering, task::Waker};

use parking_lot::MutexGuard;

use super::{
    flush_waiters::Taking, limits, load::Load, outbox::Outbox, state::OutboxState, turn_buffer,
};
use crate::wire::Frame;

impl Outbox {
    /// Takes the oldest frame.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn pop(&self) -> Option<Frame> {
        self.take_next(Taking::More)
    }

    /// Takes the oldest frame, for a transport.
    pub(crate) fn take_next(&self, taking: Taking) -> Option<Frame> {
        let mut state = self.state_with_turn();
        let frame = state.queue.pop()?;
        let weight = limits::weight(frame.len(), frame.messages());
        self.took(state, weight, taking);
        Some(frame)
    }

    /// Takes everything, oldest first.
    #[cfg(test)]
    pub(crate) fn take_all(&self) -> impl Iterator<Item = Frame> + use<> {
        let mut state = self.state_with_turn();
        let all = state.queue.take_all();
        self.took_all(state);
        all
    }

    /// Moves the oldest frames to the end of `buffer` as far as they are small, at most `left` of them, until `buffer` holds
    /// `enough` bytes. Returns whether there are more.
    pub(crate) fn gather(
        &self,
        buffer: &mut Vec<u8>,
        enough: usize,
        left: &mut usize,
        taking: Taking,
    ) -> bool {
        if self.is_in_turn_of_this_thread() {
            turn_buffer::gather(buffer);
        }
        // A frame that is queued at this very moment is found when the turn ends.
        if self.load.get() == Load::Empty {
            return false;
        }
        let mut state = self.state();
        let gathered = state.queue.gather(buffer, enough, left);
        let weight = limits::weight(gathered.bytes, gathered.messages);
        let more = !state.queue.is_empty();
        self.took(state, weight, taking);
        more
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
        // If the transport is writable, the task has an earlier request already. If the queue is above its mark, the task has
        // stopped reading and must be woken.
        let is_first = !state.writable && self.load.get() != Load::AboveMark;
        if !is_idle || !is_first || state.queue.is_empty() || !is_current() {
            return None;
        }
        let all = state.queue.take_all();
        self.took_all(state);
        Some(all)
    }

    /// See [`Session::set_writable`](crate::engine::Session::set_writable).
    pub(crate) fn set_writable(&self) -> bool {
        let mut state = self.state();
        // Writable already: the task has an earlier request.
        let needs_task =
            state.in_turn || state.closed || state.writable || state.wakes_when_writable;
        let can_wait = !needs_task && state.queue.is_empty();
        state.writable |= can_wait;
        if can_wait && state.pressure.is_some() {
            self.release(state);
        }
        can_wait
    }

    /// Whether the task must run when the transport becomes writable.
    pub(crate) fn wake_when_writable(&self, wakes: bool) {
        self.state().wakes_when_writable = wakes;
    }

    /// The transport has taken frames of this weight.
    fn took(&self, mut state: MutexGuard<'_, OutboxState>, weight: usize, taking: Taking) {
        let waiting = state.waiting - weight;
        self.set_load(&mut state, waiting);
        if state.pressure.is_some() {
            self.progressed(state, weight, taking);
        }
    }

    fn took_all(&self, state: MutexGuard<'_, OutboxState>) {
        let weight = state.waiting;
        self.took(state, weight, Taking::First);
    }

    #[cold]
    fn progressed(&self, mut state: MutexGuard<'_, OutboxState>, weight: usize, taking: Taking) {
        state.took(weight, taking);
        state.progressed();
        self.release(state);
    }

    /// The connection has taken bytes of what the transport had taken out before.
    pub(crate) fn note_progress(&self) {
        self.state().progressed();
    }

    /// Offers what is queued to a connection that is known to be busy. Returns whether it has taken something.
    pub(crate) fn retry(&self) -> bool {
        let mut state = self.state_with_turn();
        let has_progressed = self.offer(&mut state);
        self.release(state);
        has_progressed
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
        if state.pressure.is_some() {
            self.turn_ended(state);
        } else {
            drop(state);
        }
        self.release_buffer();
        true
    }

    /// Wakes the tasks that wait for what this turn has written.
    #[cold]
    fn turn_ended(&self, mut state: MutexGuard<'_, OutboxState>) {
        let queued = state.waiting;
        if let Some(pressure) = &mut state.pressure {
            pressure.flushes.turn_ended(queued);
        }
        self.release(state);
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
}
