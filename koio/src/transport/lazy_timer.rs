//! A timer for deadlines that move with each request or write.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Instant,
};

use tokio::{task::coop::unconstrained, time::Sleep};

use crate::time::now;

/// A timer whose deadline may move later at no cost: the timer of the runtime is set again only when it fires. Made when it
/// is first polled.
#[derive(Debug, Default)]
pub(super) struct LazyTimer(Option<Pin<Box<Sleep>>>);

impl LazyTimer {
    /// Whether the timer of the runtime is set, and wakes the task that polled it last.
    pub(super) fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    /// Ready when `deadline` has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let new = || Box::pin(tokio::time::sleep_until(deadline.into()));
        let sleep = self.0.get_or_insert_with(new);
        if sleep.deadline().into_std() > deadline {
            sleep.as_mut().reset(deadline.into());
        }
        // Unconstrained: with tokio's budget spent, the timer would return pending without registering the waker in it.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }
}
