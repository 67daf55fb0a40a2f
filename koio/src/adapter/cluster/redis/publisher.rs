//! The task that publishes.

use std::{sync::Arc, time::Duration};

use redis::{
    PushInfo, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::{sync::watch, time::sleep};

use super::{
    super::publish_queue::PublishQueue,
    backoff::Backoff,
    commands,
    events::RedisEvents,
    publication::RedisPublication,
    server::{RedisServer, describe, describe_answer},
    socket::RedisSocket,
};
use crate::time;

/// Keeps the connection for commands, and sends what waits in the queue, in order: one batch at a time, each in one
/// write. What comes while a batch is on its way is the next one, so batches grow as the server gets slower.
pub(super) struct Publisher {
    pub(super) server: Arc<RedisServer>,
    pub(super) within: Duration,
    pub(super) queue: Arc<PublishQueue<RedisPublication>>,
    /// The connection while there is one.
    pub(super) commands: watch::Sender<Option<MultiplexedConnection>>,
    pub(super) events: Arc<dyn RedisEvents>,
}

/// What waits for a connection is kept only for the first attempt after a loss, which begins so early.
const KEPT_FOR: Duration = Backoff::FIRST;

impl Publisher {
    /// Ends when the queue is closed and empty.
    pub(super) async fn run(self, mut opened: Option<RedisSocket>) {
        let mut backoff = Backoff::new();
        loop {
            let socket = match opened.take() {
                Some(socket) => Ok(socket),
                None => RedisSocket::open(&self.server, None::<fn(PushInfo)>, self.within).await,
            };
            let cause = match socket {
                Ok(mut socket) => {
                    let since = time::now();
                    self.queue.open();
                    self.commands.send_replace(Some(socket.commands.clone()));
                    let lost = self.publish(&mut socket).await;
                    self.commands.send_replace(None);
                    let Some(cause) = lost else {
                        return;
                    };
                    backoff.lasted(since, time::now());
                    cause
                }
                Err(error) => {
                    self.refuse(error.cause());
                    error.cause().to_owned()
                }
            };
            let wait = backoff.next(getrandom::u32().unwrap_or_default());
            tracing::debug!(target: "koio::adapter", server = %self.server, ?wait, "no connection to publish by: {cause}");
            if wait > KEPT_FOR {
                self.refuse(&cause);
            }
            sleep(wait).await;
        }
    }

    /// `None` if the queue is closed and empty, otherwise why the connection was lost.
    async fn publish(&self, socket: &mut RedisSocket) -> Option<String> {
        loop {
            let batch = tokio::select! {
                biased;
                () = socket.closed() => return Some(RedisSocket::CLOSED.to_owned()),
                batch = self.queue.next_batch() => batch?,
            };
            let pipeline = commands::publish(&batch);
            let sent = socket
                .commands
                .req_packed_commands(&pipeline, 0, batch.len())
                .await;
            match sent {
                Ok(answers) => self.answered(batch, answers),
                Err(error) => {
                    let cause = describe(&error);
                    self.events.unpublished(batch.len() as u64, &cause);
                    return Some(cause);
                }
            }
        }
    }

    fn answered(&self, batch: Vec<RedisPublication>, answers: Vec<Value>) {
        let (mut refused, mut cause) = (0, None);
        for (publication, answer) in batch.into_iter().zip(answers) {
            let error = match answer {
                Value::ServerError(error) => Some(error),
                _ => None,
            };
            if let Some(accepted) = publication.accepted {
                // The future that waits for it may have been dropped.
                let _ = accepted.send(error.is_none());
            }
            if let Some(error) = error {
                refused += 1;
                cause.get_or_insert(error);
            }
        }
        if let Some(cause) = cause {
            self.events.unpublished(
                refused,
                &format!("Redis refuses it: {}", describe_answer(&cause)),
            );
        }
    }

    /// Takes no messages until there is a connection, and says how many of those that wait are lost.
    fn refuse(&self, cause: &str) {
        let lost = self.queue.refuse();
        if lost > 0 {
            self.events.unpublished(lost, cause);
        }
    }
}
