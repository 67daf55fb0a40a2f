//! The answers of other servers to one event.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::{
    super::ServerAnswer,
    node::NodeId,
    requests::{NodeAnswers, RequestGuard},
};

/// An event that other servers were asked by. Dropping it ends the wait: later answers are ignored.
#[derive(Debug)]
pub(crate) struct AskedServers {
    answers: Arc<NodeAnswers<ServerAnswer>>,
    _request: Option<RequestGuard>,
}

impl AskedServers {
    pub(super) fn new(
        answers: Arc<NodeAnswers<ServerAnswer>>,
        request: Option<RequestGuard>,
    ) -> Self {
        Self {
            answers,
            _request: request,
        }
    }

    /// Waits until all have answered, or until then. Returns the answers, and the servers that gave none.
    pub(crate) async fn answers(self, until: Instant) -> (Vec<ServerAnswer>, Vec<NodeId>) {
        let _ = timeout_at(until, self.answers.complete()).await;
        self.answers.finish()
    }
}
