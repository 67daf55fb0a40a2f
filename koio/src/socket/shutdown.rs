//! Ending a server in order.

use std::time::{Duration, Instant};

use super::server_core::ServerCore;
use crate::{
    engine::{CloseReason, SessionOutcome, Sessions},
    time::{after, now},
};

/// The result of a shutdown: how the sessions ended.
///
/// Sessions count whose tasks had not ended when the shutdown began, each once. A session that was not answered counts by the
/// time at which it ended: before the deadline its client has given it up, and from then on the server has. So one whose client
/// has taken nothing for as long as it may, at the very time of the deadline, is cut. Events that were dropped because no handler had
/// started for them are in [`Counts::events_dropped`](crate::observe::Counts::events_dropped).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that ended in order: the handlers that ran have finished, and the client was sent their answers and
    /// everything else that was queued for it.
    pub answered: usize,
    /// Sessions that had not ended at the deadline: a handler ran, the program held an [`Ack`](crate::Ack), or the client had not
    /// taken what was queued for it. Their handlers, and what was queued, were dropped.
    pub cut: usize,
    /// Sessions that ended before the deadline because of their client: it left, or it took nothing of what was queued for it
    /// for as long as a closing session waits
    /// ([`poll_again_timeout`](crate::engine::EngineConfig::poll_again_timeout); 1 s for a poll). As many are added to
    /// [`Counts::sessions_abandoned`](crate::observe::Counts::sessions_abandoned).
    pub abandoned: usize,
}

/// In the order of the fields of [`Drained`].
const OUTCOMES: [SessionOutcome; 3] = [
    SessionOutcome::Answered,
    SessionOutcome::Cut,
    SessionOutcome::Abandoned,
];

/// How long the sessions that were cut have to end. They wait for nothing but the next polls of their tasks.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

impl<M> ServerCore<M> {
    pub(super) async fn shutdown(&self, deadline: Duration) -> Drained {
        let Some(sessions) = self.sessions() else {
            // `stopped` stays false: a server that starts later has not been shut down.
            return Drained::default();
        };
        // Read before any session is told, so that no `poll_again_timeout` of the same length ends earlier.
        let by = after(deadline);
        self.set_deadline(by);
        let drained = self.drain(&sessions, by).await;
        if let Some(cluster) = self.cluster() {
            // Until here events of other servers start. Their handlers have the time that those of a closed socket have.
            let by = by.min(after(self.config().handler_grace));
            let _ = tokio::time::timeout_at(by.into(), cluster.server_events_ended()).await;
            cluster.close();
            // The process may end next, and what is not sent by then is lost.
            cluster.closed().await;
        }
        // The closures of the program may hold a handle of the server, which holds them.
        if let Some(declared) = self.declared() {
            declared.end_additions();
        }
        self.stopped.send_replace(true);
        drained
    }

    fn set_deadline(&self, by: Instant) {
        let mut earliest = self.stop_by.lock();
        *earliest = Some(earliest.map_or(by, |earlier| earlier.min(by)));
    }

    /// After a shutdown: waits until the HTTP connections of the server have ended, each with the answer to the request that
    /// it is at, until the deadline at the latest.
    pub(super) async fn connections_ended(&self) {
        let by = *self.stop_by.lock();
        if let Some(by) = by {
            let _ = tokio::time::timeout_at(by.into(), self.stopped.closed()).await;
        }
    }

    async fn drain(&self, sessions: &Sessions, by: Instant) -> Drained {
        sessions.refuse(by);
        let ended = |outcome| sessions.ended(outcome);
        let before = OUTCOMES.map(ended);
        let deadline = by.saturating_duration_since(now());
        tracing::info!(sessions = sessions.tasks(), ?deadline, "shutting down");
        sessions.drain_all();
        let in_time = tokio::time::timeout_at(by.into(), sessions.drained()).await;
        if in_time.is_err() && sessions.tasks() > 0 {
            tracing::warn!(sessions = sessions.tasks(), "cut at the deadline");
            sessions.cut_all(CloseReason::ServerShuttingDown);
            let _ = tokio::time::timeout(CUT_TIMEOUT, self.abort_handlers(sessions)).await;
        }
        let [answered, cut, abandoned] = OUTCOMES.map(ended);
        let [answered_before, cut_before, abandoned_before] = before;
        Drained {
            answered: answered.saturating_sub(answered_before),
            // Those that still run included: a handler that blocks its thread, for example.
            cut: cut.saturating_sub(cut_before) + sessions.tasks(),
            abandoned: abandoned.saturating_sub(abandoned_before),
        }
    }

    /// Notifies the closing connections every 10 ms until the last has ended: a connection that begins to close after a
    /// notification has missed it.
    async fn abort_handlers(&self, sessions: &Sessions) {
        loop {
            self.abort.notify_waiters();
            let drained = tokio::time::timeout(Duration::from_millis(10), sessions.drained());
            if drained.await.is_ok() {
                return;
            }
        }
    }
}
