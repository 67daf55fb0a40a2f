//! Waiting for the answers of other servers to one event.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;

use super::{super::partial::PartialAnswer, read::read_server_answers};
use crate::{
    Error, Result,
    adapter::{AskedServers, NodeId, ServerAnswer},
    time::after,
};

/// How long other servers are waited for, if the program does not say it.
const SERVER_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits for the answers of other servers; see
/// [`IoHandle::server_side_emit_with_ack`](crate::IoHandle::server_side_emit_with_ack).
#[must_use = "the answers are lost unless the future is awaited"]
pub struct ServerAcksFuture<T> {
    event: Box<str>,
    wait: ServerWait,
    answer: PhantomData<fn() -> T>,
}

enum ServerWait {
    /// Not polled yet.
    Asked {
        asked: AskedServers,
        since: Instant,
        timeout: Duration,
    },
    Waiting(AnswersInTime),
    /// Without a wait, or behind it: an error, or no answers.
    Ended(Option<Error>),
}

type AnswersInTime = Pin<Box<dyn Future<Output = (Vec<ServerAnswer>, Vec<NodeId>)> + Send>>;

impl<T> ServerAcksFuture<T> {
    /// The event has been sent. `None`: there is no other server.
    pub(in crate::socket) fn new(asked: Option<AskedServers>, event: &str, since: Instant) -> Self {
        Self {
            event: event.into(),
            wait: match asked {
                Some(asked) => ServerWait::Asked {
                    asked,
                    since,
                    timeout: SERVER_TIMEOUT,
                },
                None => ServerWait::Ended(None),
            },
            answer: PhantomData,
        }
    }

    pub(in crate::socket) fn failed(error: Error) -> Self {
        Self {
            event: Box::default(),
            wait: ServerWait::Ended(Some(error)),
            answer: PhantomData,
        }
    }

    /// How long the other servers have to answer, from the emit on. Default 5 s. Without effect when it is polled already.
    pub fn timeout(mut self, time: Duration) -> Self {
        if let ServerWait::Asked { timeout, .. } = &mut self.wait {
            *timeout = time;
        }
        self
    }
}

impl<T: DeserializeOwned> Future for ServerAcksFuture<T> {
    type Output = Result<Vec<(NodeId, Result<T>)>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = std::mem::replace(&mut self.wait, ServerWait::Ended(None));
        let mut waiting: AnswersInTime = match wait {
            ServerWait::Asked {
                asked,
                since,
                timeout,
            } => {
                let until = since.checked_add(timeout);
                let until = until.unwrap_or_else(|| after(timeout));
                Box::pin(asked.answers(until.into()))
            }
            ServerWait::Waiting(waiting) => waiting,
            ServerWait::Ended(error) => return Poll::Ready(error.map_or(Ok(Vec::new()), Err)),
        };
        let Poll::Ready((answers, missing)) = waiting.as_mut().poll(cx) else {
            self.wait = ServerWait::Waiting(waiting);
            return Poll::Pending;
        };
        Poll::Ready(if missing.is_empty() {
            Ok(read_server_answers(&answers, &self.event))
        } else {
            let event = std::mem::take(&mut self.event);
            Err(PartialAnswer::new(missing)
                .with_server_answers(answers, event)
                .into_error())
        })
    }
}

impl<T> fmt::Debug for ServerAcksFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAcksFuture").finish_non_exhaustive()
    }
}

// No `T` is in it: the answers are read when all have arrived.
impl<T> Unpin for ServerAcksFuture<T> {}
