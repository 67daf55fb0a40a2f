//! Waiting until a client's connection has taken what was queued before.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use super::outbox::Outbox;

/// One task that waits. Dropping it takes it off the list.
struct Flushing<'a> {
    outbox: &'a Outbox,
    number: Option<u64>,
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.outbox.state();
            let pressure = state.pressure.as_mut();
            let waker = pressure.and_then(|pressure| pressure.flushes.remove(number));
            drop(state);
            drop(waker);
        }
    }
}

impl Outbox {
    /// Waits until the connection has taken all that is queued now, or the queue is closed, or `is_over`: false if it is not
    /// known to have taken all. After a change of `is_over`, [`wake_waiters`](Self::wake_waiters) must be called.
    pub(crate) async fn flushed(&self, is_over: impl Fn() -> bool) -> bool {
        let mut flushing = Flushing {
            outbox: self,
            number: None,
        };
        poll_fn(|cx| {
            let polled = self.poll_flushed(&mut flushing.number, cx);
            // Behind the poll: the task is on the list when this is asked, so no change is missed.
            if is_over() {
                Poll::Ready(false)
            } else {
                polled
            }
        })
        .await
    }

    fn poll_flushed(&self, waiter: &mut Option<u64>, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.state_with_turn();
        let is_flushed = match *waiter {
            _ if state.closed => return Poll::Ready(false),
            Some(number) => {
                let pressure = state.pressure.get_or_insert_default();
                !pressure.flushes.is_waiting(number, cx.waker())
            }
            None => !state.in_turn && state.is_clear(),
        };
        if is_flushed {
            return Poll::Ready(true);
        }
        if waiter.is_none() {
            let ahead = (!state.in_turn).then_some(state.waiting);
            let pressure = state.pressure.get_or_insert_default();
            *waiter = Some(pressure.flushes.wait(cx.waker(), ahead));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, task::Waker};

    use super::*;
    use crate::{
        engine::{
            Ending, EngineConfig,
            outbox::{Taking, Urgency},
        },
        wire::{Draft, Frame},
    };

    fn frame(text: &str) -> Frame {
        crate::wire::event_draft("/", None, text, &())
            .unwrap()
            .into_frame()
    }

    fn draft(text: &str) -> Draft {
        crate::wire::event_draft("/", None, text, &()).unwrap()
    }

    fn is_done(flushed: Pin<&mut impl Future<Output = bool>>) -> bool {
        ends_with(flushed).is_some()
    }

    fn ends_with(flushed: Pin<&mut impl Future<Output = bool>>) -> Option<bool> {
        let mut cx = Context::from_waker(Waker::noop());
        match flushed.poll(&mut cx) {
            Poll::Ready(is_flushed) => Some(is_flushed),
            Poll::Pending => None,
        }
    }

    /// A turn that writes nothing, after which the transport would take a frame, or not.
    fn turn(outbox: &Outbox, writable: bool) {
        outbox.begin_turn();
        assert!(outbox.end_turn(Waker::noop(), writable));
        outbox.leave_thread();
    }

    #[test]
    fn an_idle_queue_is_flushed_and_keeps_nothing() {
        let outbox = Outbox::new(&EngineConfig::default());
        turn(&outbox, true);
        let flushed = std::pin::pin!(outbox.flushed(|| false));
        assert_eq!(ends_with(flushed), Some(true));
        assert!(outbox.state().pressure.is_none());
    }

    #[test]
    fn it_waits_for_what_is_ahead_and_for_the_end_of_its_write_and_for_nothing_that_comes_later() {
        let outbox = Outbox::new(&EngineConfig::default());
        turn(&outbox, false);
        outbox.push(&frame("one"), Urgency::Normal).unwrap();
        let mut flushed = std::pin::pin!(outbox.flushed(|| false));
        assert!(!is_done(flushed.as_mut()));
        outbox.push(&frame("two"), Urgency::Normal).unwrap();
        outbox.begin_turn();
        outbox.pop().unwrap();
        // The transport has it, and the connection has not taken all of it.
        assert!(outbox.end_turn(Waker::noop(), false));
        assert!(!is_done(flushed.as_mut()));
        outbox.begin_turn();
        assert!(
            !outbox.end_turn(Waker::noop(), true),
            "the second is queued"
        );
        outbox.pop().unwrap();
        outbox.push(&frame("three"), Urgency::Normal).unwrap();
        assert!(outbox.end_turn(Waker::noop(), false));
        assert!(!is_done(flushed.as_mut()));
        outbox.pop().unwrap();
        turn(&outbox, true);
        assert!(is_done(flushed.as_mut()));
    }

    #[test]
    fn within_a_turn_it_waits_for_what_the_turn_has_collected() {
        let outbox = Outbox::new(&EngineConfig::default());
        turn(&outbox, true);
        outbox.begin_turn();
        outbox.append(draft("collected"), Urgency::Reply).unwrap();
        let mut flushed = std::pin::pin!(outbox.flushed(|| false));
        assert!(!is_done(flushed.as_mut()));
        outbox.pop().unwrap();
        assert!(!is_done(flushed.as_mut()), "the turn has not ended");
        assert!(outbox.end_turn(Waker::noop(), true));
        outbox.leave_thread();
        assert!(is_done(flushed.as_mut()));
    }

    #[test]
    fn a_poll_of_the_client_says_that_the_answer_before_it_has_come() {
        let outbox = Outbox::new(&EngineConfig::default());
        turn(&outbox, false);
        outbox.push(&frame("one"), Urgency::Normal).unwrap();
        let mut flushed = std::pin::pin!(outbox.flushed(|| false));
        assert!(!is_done(flushed.as_mut()));
        let taken = outbox.take_queued(|| true).map(Iterator::count);
        assert_eq!(taken, Some(1));
        assert!(!is_done(flushed.as_mut()));
        assert!(outbox.set_writable());
        assert!(is_done(flushed.as_mut()));
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_make_it_wait_for_what_comes_later() {
        let polling = Outbox::new(&EngineConfig::default());
        turn(&polling, false);
        polling.push(&frame("one"), Urgency::Normal).unwrap();
        let mut flushed = std::pin::pin!(polling.flushed(|| false));
        for poll in 1..=2 {
            assert!(!is_done(flushed.as_mut()), "poll {poll}");
            assert!(polling.take_queued(|| true).is_some());
            polling.push(&frame("more"), Urgency::Normal).unwrap();
        }
        assert!(is_done(flushed.as_mut()), "the client has polled again");
        // A connection that never takes all of what is queued.
        let busy = Outbox::new(&EngineConfig::default());
        turn(&busy, false);
        busy.push(&frame("one"), Urgency::Normal).unwrap();
        let mut flushed = std::pin::pin!(busy.flushed(|| false));
        for write in 1..=2 {
            assert!(!is_done(flushed.as_mut()), "write {write}");
            busy.begin_turn();
            busy.push(&frame("more"), Urgency::Normal).unwrap();
            assert!(busy.gather(&mut Vec::new(), usize::MAX, &mut 1, Taking::First));
            assert!(busy.end_turn(Waker::noop(), false));
        }
        busy.leave_thread();
        assert!(is_done(flushed.as_mut()));
    }

    #[test]
    fn a_closed_queue_and_something_that_is_over_end_the_wait_and_a_dropped_one_leaves_the_list() {
        let outbox = Outbox::new(&EngineConfig::default());
        turn(&outbox, false);
        let is_over = std::cell::Cell::new(false);
        let mut other = std::pin::pin!(outbox.flushed(|| is_over.get()));
        {
            let mut dropped = Box::pin(outbox.flushed(|| false));
            let mut flushed = std::pin::pin!(outbox.flushed(|| false));
            assert!(!is_done(dropped.as_mut()) && !is_done(flushed.as_mut()));
            assert!(!is_done(other.as_mut()));
            drop(dropped);
            is_over.set(true);
            outbox.wake_waiters();
            assert_eq!(ends_with(other.as_mut()), Some(false));
            assert!(!is_done(flushed.as_mut()), "it waits for its frames still");
            outbox.close(Ending::Flush);
            assert_eq!(ends_with(flushed.as_mut()), Some(false), "it is not known");
        }
        let state = outbox.state();
        assert!(state.pressure.as_ref().unwrap().flushes.waiting.is_empty());
    }
}
