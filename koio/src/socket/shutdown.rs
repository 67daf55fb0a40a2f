//! Ending a server in order.

use std::time::Duration;

use super::server_core::ServerCore;
use crate::engine::{CloseReason, Sessions};

/// The result of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that ended in time, their handlers included.
    pub clean: usize,
    /// Sessions that were cut at the deadline, or whose handlers were dropped.
    pub forced: usize,
}

/// How long the sessions that were cut have to end. They wait for nothing but the next polls of their tasks.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

impl<M> ServerCore<M> {
    pub(super) async fn shutdown(&self, deadline: Duration) -> Drained {
        let Some(sessions) = self.sessions() else {
            // `stopped` stays false: a server that starts later has not been shut down.
            return Drained {
                clean: 0,
                forced: 0,
            };
        };
        let drained = self.drain(&sessions, deadline).await;
        if let Some(cluster) = self.cluster() {
            cluster.close();
        }
        self.stopped.send_replace(true);
        drained
    }

    async fn drain(&self, sessions: &Sessions, deadline: Duration) -> Drained {
        sessions.refuse();
        let all = sessions.tasks();
        tracing::info!(sessions = all, ?deadline, "shutting down");
        sessions.close_all(CloseReason::ServerShuttingDown);
        let in_time = tokio::time::timeout(deadline, sessions.drained()).await;
        let forced = if in_time.is_ok() { 0 } else { sessions.tasks() };
        if forced > 0 {
            tracing::warn!(sessions = forced, "cut at the deadline");
            sessions.cut_all(CloseReason::ServerShuttingDown);
            let _ = tokio::time::timeout(CUT_TIMEOUT, self.abort_handlers(sessions)).await;
        }
        Drained {
            clean: all.saturating_sub(forced),
            forced,
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
