//! Waiting for answers that come through a collector.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::Sleep;

use super::ack_time::AckTime;
use crate::adapter::{AckCollector, AckOutcome, AskGuard, NodeId};

/// An event has been sent, and its answers go to a collector.
pub(super) struct AcksWait {
    pub(super) answers: Arc<AckCollector>,
    /// Dropping it frees the places among the pending acks.
    _guard: AskGuard,
    timer: Pin<Box<Sleep>>,
    pub(super) time: AckTime,
}

impl AcksWait {
    pub(super) fn new(answers: Arc<AckCollector>, guard: AskGuard, time: AckTime) -> Self {
        Self {
            answers,
            _guard: guard,
            timer: Box::pin(tokio::time::sleep(time.duration())),
            time,
        }
    }

    /// The outcomes that have not been taken, and the nodes that have not answered, when all have come or the time is over.
    pub(super) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(Vec<AckOutcome>, Vec<NodeId>)> {
        if self.answers.poll_complete(cx).is_pending() {
            ready!(self.timer.as_mut().poll(cx));
        }
        Poll::Ready(self.answers.finish())
    }
}
