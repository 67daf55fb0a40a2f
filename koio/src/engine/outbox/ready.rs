//! Waiting until a client's queue is below its first mark.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use super::{outbox::Outbox, state::OutboxState};

/// One task that waits. Dropping it takes it off the list.
struct Waiter<'a> {
    outbox: &'a Outbox,
    number: Option<u64>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.outbox.state();
            let pressure = state.pressure.as_mut();
            let waker = pressure.and_then(|pressure| pressure.waiters.remove(number));
            drop(state);
            drop(waker);
        }
    }
}

impl Outbox {
    /// Waits until the queue is below its first mark or closed, or `is_over`. After a change of that,
    /// [`wake_waiters`](Self::wake_waiters) must be called.
    pub(crate) async fn ready(&self, is_over: impl Fn() -> bool) {
        let mut waiter = Waiter {
            outbox: self,
            number: None,
        };
        poll_fn(|cx| {
            let polled = self.poll_ready(&mut waiter.number, cx);
            // Behind the poll: the task is on the list when this is asked, so no change is missed.
            if is_over() { Poll::Ready(()) } else { polled }
        })
        .await;
    }

    /// Wakes the tasks that wait in [`ready`](Self::ready) and [`flushed`](Self::flushed), to look again.
    pub(crate) fn wake_waiters(&self) {
        let mut state = self.state();
        let pressure = state.pressure.as_mut();
        let waiting = pressure.map(|pressure| {
            let mut waiting = pressure.waiters.take_all();
            // These stay on their list, which says what they wait for.
            waiting.extend(pressure.flushes.wakers());
            waiting
        });
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    fn poll_ready(&self, waiter: &mut Option<u64>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state_with_turn();
        let is_ready = |state: &_| self.is_ready(state);
        if is_ready(&state) {
            return Poll::Ready(());
        }
        let was_writable = state.writable;
        self.offer(&mut state);
        let ready = self.take_ready(&mut state);
        let poll = if is_ready(&state) {
            Poll::Ready(())
        } else {
            let pressure = state.pressure.get_or_insert_default();
            pressure.waiters.wait(waiter, cx.waker());
            Poll::Pending
        };
        if was_writable && !state.writable {
            OutboxState::wake_task(state);
        } else {
            drop(state);
        }
        ready.wake();
        poll
    }

    fn is_ready(&self, state: &OutboxState) -> bool {
        state.closed || !self.limits.is_above_first(state.waiting)
    }
}
