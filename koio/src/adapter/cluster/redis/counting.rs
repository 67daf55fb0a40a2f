//! How many connections have subscribed a channel.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::timeout,
};

use super::{super::redis_channel::RedisChannel, commands};

/// Asks Redis for the subscribers of channels. Questions that come while one is on its way are asked together behind it,
/// each channel once; none is answered by what Redis counted before it was asked.
#[derive(Debug)]
pub(super) struct Counting {
    waiting: Mutex<HashMap<RedisChannel, Vec<oneshot::Sender<usize>>>>,
    asked: Notify,
    commands: watch::Receiver<Option<MultiplexedConnection>>,
    within: Duration,
}

impl Counting {
    pub(super) fn new(
        commands: watch::Receiver<Option<MultiplexedConnection>>,
        within: Duration,
    ) -> Self {
        Self {
            waiting: Mutex::default(),
            asked: Notify::new(),
            commands,
            within,
        }
    }

    /// `None` if Redis does not say it in time.
    pub(super) async fn count(&self, channel: RedisChannel) -> Option<usize> {
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().entry(channel).or_default().push(answer);
        self.asked.notify_one();
        timeout(self.within, answered).await.ok()?.ok()
    }

    /// Answers what is asked. Never ends by itself.
    pub(super) async fn run(&self) {
        let mut connection = self.commands.clone();
        loop {
            self.asked.notified().await;
            let connected = connection
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|connection| connection.clone());
            let Some(mut commands) = connected else {
                return;
            };
            let waiting = std::mem::take(&mut *self.waiting.lock());
            let (channels, askers): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .filter(|(_, askers)| askers.iter().any(|asker| !asker.is_closed()))
                .unzip();
            if channels.is_empty() {
                continue;
            }
            let question = commands::count_subscribers(&channels);
            // Without an answer, the askers are dropped, and have none.
            let Ok(answers) = commands
                .req_packed_commands(&question, 0, channels.len())
                .await
            else {
                continue;
            };
            for (askers, answer) in askers.into_iter().zip(answers) {
                if let Some(count) = commands::subscriber_count(&answer) {
                    for asker in askers {
                        // It may have stopped waiting.
                        let _ = asker.send(count);
                    }
                }
            }
        }
    }
}
