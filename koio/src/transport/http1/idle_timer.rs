//! The time that a connection may take for its next request.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use crate::{
    time::now,
    transport::{
        HttpTimeouts,
        http::{AwaitedRequest, MissedRequest},
        lazy_timer::LazyTimer,
    },
};

/// Expires when no request has come: for `header` on a new connection, for `keep_alive` behind an answer. Restarting it is an
/// assignment.
pub(super) struct IdleTimer {
    timeouts: HttpTimeouts,
    /// `First` until a request was answered. A head that has begun to come is not waited for here.
    awaited: AwaitedRequest,
    /// Since when it is awaited, once it is.
    since: Option<Instant>,
    /// Made with the first wait: a WebSocket handshake that comes at once never needs it.
    timer: LazyTimer,
}

impl IdleTimer {
    pub(super) fn new(timeouts: HttpTimeouts) -> Self {
        Self {
            timeouts,
            awaited: AwaitedRequest::First,
            since: None,
            timer: LazyTimer::default(),
        }
    }

    pub(super) fn restart(&mut self, now: Instant) {
        self.awaited = AwaitedRequest::Next;
        self.since = Some(now);
    }

    /// Whether the timer of the runtime is set, and wakes the task that polled it last.
    pub(super) fn is_set(&self) -> bool {
        // Set for the first request it may be late for the next.
        self.timer.is_set() && self.timeouts.header <= self.timeouts.keep_alive
    }

    /// Ready when the time is over. `answered`: when the session answered the last request, which may be later than the
    /// last restart.
    pub(super) fn poll_expired(
        &mut self,
        cx: &mut Context<'_>,
        answered: impl FnOnce() -> Option<Instant>,
    ) -> Poll<MissedRequest> {
        // Only the connection's task polls it, so the waker is this task's.
        if self.is_set() && self.since.is_some() {
            return Poll::Pending;
        }
        if let Some(answered) = answered() {
            self.awaited = AwaitedRequest::Next;
            self.since = self.since.max(Some(answered));
        }
        let since = *self.since.get_or_insert_with(now);
        match self.awaited.by(since, self.timeouts) {
            Some(by) => {
                let missed = || self.awaited.missed(since, self.timeouts);
                self.timer.poll(cx, by).map(|()| missed())
            }
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    async fn expires(idle: &mut IdleTimer, answered: Option<Instant>) -> Duration {
        let begin = now();
        poll_fn(|cx| idle.poll_expired(cx, || answered)).await;
        now() - begin
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_and_the_next_have_times_of_their_own() {
        for (header, keep_alive) in
            [(10, 75), (75, 10)].map(|(a, b)| (Duration::from_secs(a), Duration::from_secs(b)))
        {
            let timeouts = HttpTimeouts {
                header,
                keep_alive,
                write: keep_alive,
                attached_write: keep_alive,
            };
            let (first, next) = (header, keep_alive);
            let about = |late: Duration, time| {
                assert!(
                    late >= time && late <= time + Duration::from_millis(2),
                    "{late:?}"
                );
            };
            about(expires(&mut IdleTimer::new(timeouts), None).await, first);
            let mut idle = IdleTimer::new(timeouts);
            let wait = poll_fn(|cx| Poll::Ready(idle.poll_expired(cx, || None)));
            assert!(wait.await.is_pending());
            idle.restart(now());
            let late = expires(&mut idle, None).await;
            assert!(
                late >= next && late <= next + Duration::from_millis(2),
                "{late:?}"
            );
            let mut idle = IdleTimer::new(timeouts);
            about(expires(&mut idle, Some(now())).await, next);
        }
    }
}
