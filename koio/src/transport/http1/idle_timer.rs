//! The time that a connection may take for its next request.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{task::coop::unconstrained, time::Sleep};

use crate::time::now;

/// Expires when no request has come for `timeout`. Restarting it is an assignment: the timer of the runtime is set
/// again only when it fires.
pub(super) struct IdleTimer {
    timeout: Duration,
    /// Since when a request is awaited, once one is.
    since: Option<Instant>,
    /// Boxed and made with the first wait: a WebSocket handshake that comes at once never needs it.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            since: None,
            sleep: None,
        }
    }

    pub(super) fn restart(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// Whether the timer of the runtime is set, and wakes the task that polled it last.
    pub(super) fn is_set(&self) -> bool {
        self.sleep.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    /// Ready when the time is over. `answered`: when the session answered the last request, which may be later than the
    /// last restart.
    pub(super) fn poll_expired(
        &mut self,
        cx: &mut Context<'_>,
        answered: impl FnOnce() -> Option<Instant>,
    ) -> Poll<()> {
        // Only the connection's task polls it, so the waker is this task's.
        if self.is_set() {
            return Poll::Pending;
        }
        self.since = self.since.max(answered());
        let since = *self.since.get_or_insert_with(now);
        let Some(end) = since.checked_add(self.timeout) else {
            // The timeout is longer than the clock can express.
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end.into())));
        // Unconstrained: with tokio's budget spent, the timer would return pending without registering the waker in it.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if now() >= end {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(end.into());
        }
        Poll::Pending
    }
}
