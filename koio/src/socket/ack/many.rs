//! Waiting for the answers of many clients to one event.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use serde::de::DeserializeOwned;
use tokio::time::Sleep;

use super::{super::partial::PartialAnswer, ack_time::AckTime, read::read_outcomes};
use crate::{
    Error, Result, SocketId,
    adapter::{AckCollector, AskGuard},
};

/// Waits for the answers to an emit; see [`Emit::emit_with_acks`](crate::emit::Emit::emit_with_acks).
#[must_use = "the answers are lost unless the future is awaited"]
pub struct AcksFuture<T> {
    wait: Result<AcksWait, Option<Error>>,
    answer: PhantomData<fn() -> T>,
}

struct AcksWait {
    answers: Arc<AckCollector>,
    /// Dropping it frees the places among the pending acks.
    _guard: AskGuard,
    timer: Pin<Box<Sleep>>,
    time: AckTime,
}

impl<T> AcksFuture<T> {
    /// The event has been sent, and the answers go to `answers`.
    pub(in crate::socket) fn new(
        answers: Arc<AckCollector>,
        guard: AskGuard,
        time: AckTime,
    ) -> Self {
        Self {
            wait: Ok(AcksWait {
                answers,
                _guard: guard,
                timer: Box::pin(tokio::time::sleep(time.duration())),
                time,
            }),
            answer: PhantomData,
        }
    }

    pub(in crate::socket) fn failed(error: Error) -> Self {
        Self {
            wait: Err(Some(error)),
            answer: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Future for AcksFuture<T> {
    type Output = Result<Vec<(SocketId, Result<T>)>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = match &mut self.wait {
            Ok(wait) => wait,
            Err(error) => return Poll::Ready(error.take().map_or(Ok(Vec::new()), Err)),
        };
        if wait.answers.poll_complete(cx).is_pending() {
            ready!(wait.timer.as_mut().poll(cx));
        }
        let (outcomes, missing) = wait.answers.finish();
        let time = wait.time;
        self.wait = Err(None);
        Poll::Ready(if missing.is_empty() {
            Ok(read_outcomes(&outcomes, time))
        } else {
            Err(PartialAnswer::new(missing)
                .with_answers(outcomes, time)
                .into_error())
        })
    }
}

impl<T> fmt::Debug for AcksFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcksFuture").finish_non_exhaustive()
    }
}

// No `T` is in it: the answers are read when all have arrived.
impl<T> Unpin for AcksFuture<T> {}
