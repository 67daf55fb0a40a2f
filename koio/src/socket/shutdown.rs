//! Ending a server in order.

use std::time::Duration;

use super::server_core::ServerCore;
use crate::{
    engine::{CloseReason, Sessions},
    time::after,
};

/// The result of a shutdown: how the sessions ended.
///
/// Sessions count whose tasks had not ended when the shutdown began. Events that were dropped because no handler had
/// started for them are in [`Counts::events_dropped`](crate::observe::Counts::events_dropped).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that ended in order: the handlers that ran have finished, and the client was sent their answers and
    /// everything else that was queued for it.
    pub answered: usize,
    /// Sessions that were cut at the deadline. Their handlers, and what was queued, were dropped.
    pub cut: usize,
    /// Sessions whose handlers have finished, but whose client was gone, or did not come in time for what was queued for
    /// it.
    pub abandoned: usize,
}

/// How long the sessions that were cut have to end. They wait for nothing but the next polls of their tasks.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

impl<M> ServerCore<M> {
    pub(super) async fn shutdown(&self, deadline: Duration) -> Drained {
        let Some(sessions) = self.sessions() else {
            // `stopped` stays false: a server that starts later has not been shut down.
            return Drained::default();
        };
        self.set_deadline(deadline);
        let drained = self.drain(&sessions, deadline).await;
        if let Some(cluster) = self.cluster() {
            cluster.close();
        }
        self.stopped.send_replace(true);
        drained
    }

    fn set_deadline(&self, deadline: Duration) {
        let by = after(deadline);
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

    async fn drain(&self, sessions: &Sessions, deadline: Duration) -> Drained {
        sessions.refuse();
        let (answered_before, abandoned_before) = sessions.ended();
        tracing::info!(sessions = sessions.tasks(), ?deadline, "shutting down");
        sessions.drain_all();
        let in_time = tokio::time::timeout(deadline, sessions.drained()).await;
        let cut = if in_time.is_ok() { 0 } else { sessions.tasks() };
        let (answered, abandoned) = sessions.ended();
        if cut > 0 {
            tracing::warn!(sessions = cut, "cut at the deadline");
            sessions.cut_all(CloseReason::ServerShuttingDown);
            let _ = tokio::time::timeout(CUT_TIMEOUT, self.abort_handlers(sessions)).await;
        }
        Drained {
            answered: answered.saturating_sub(answered_before),
            cut,
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
