//! The connection against a real server.

mod faults;
mod first_connect;
mod process;
mod pub_sub;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    super::redis_channel::RedisChannel,
    connection::{RedisConnection, RedisOptions},
    events::RedisEvents,
};

/// What a connection has told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Message(String, String),
    Up,
    Down,
    Unpublished(u64),
}

/// Everything that a connection has told, in order.
#[derive(Default)]
struct Record {
    told: Mutex<Vec<Told>>,
    causes: Mutex<Vec<String>>,
    more: Notify,
}

impl Record {
    fn add(&self, told: Told) {
        self.told.lock().push(told);
        self.more.notify_waiters();
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().clone()
    }

    fn count(&self, of: impl Fn(&Told) -> bool) -> usize {
        self.told.lock().iter().filter(|told| of(told)).count()
    }

    fn payloads(&self) -> Vec<String> {
        let told = self.told.lock();
        let payloads = told.iter().filter_map(|told| match told {
            Told::Message(_, payload) => Some(payload.clone()),
            _ => None,
        });
        payloads.collect()
    }

    fn unpublished(&self) -> u64 {
        let told = self.told.lock();
        told.iter()
            .map(|told| match told {
                Told::Unpublished(messages) => *messages,
                _ => 0,
            })
            .sum()
    }

    /// Waits until what was told is as `is` wants it.
    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let waiting = async {
            loop {
                let more = self.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if is(self) {
                    return;
                }
                more.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert!(waited.is_ok(), "{what}: {:?}", self.told());
    }

    async fn ups(&self, count: usize) {
        self.until("it is up", |record| {
            record.count(|told| *told == Told::Up) >= count
        })
        .await;
    }

    async fn hears(&self, payload: &str) {
        self.until(payload, |record| {
            record.payloads().iter().any(|heard| heard == payload)
        })
        .await;
    }
}

impl RedisEvents for Record {
    fn message(&self, channel: Bytes, _: Option<Bytes>, payload: Bytes) {
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        self.add(Told::Message(text(channel), text(payload)));
    }

    fn up(&self) {
        self.add(Told::Up);
    }

    fn down(&self, cause: &str) {
        self.causes.lock().push(cause.to_owned());
        self.add(Told::Down);
    }

    fn unpublished(&self, messages: u64, cause: &str) {
        self.causes.lock().push(cause.to_owned());
        self.add(Told::Unpublished(messages));
    }
}

fn plain(name: &str) -> RedisChannel {
    RedisChannel::Plain(name.into())
}

fn pattern(name: &str) -> RedisChannel {
    RedisChannel::Pattern(name.into())
}

fn shard(name: &str) -> RedisChannel {
    RedisChannel::Shard(name.into())
}

fn options(url: &str) -> RedisOptions {
    RedisOptions::new(url, plain("probe#1"))
}

/// A connection that has subscribed these channels.
async fn connected(
    options: RedisOptions,
    channels: &[RedisChannel],
) -> (RedisConnection, Arc<Record>) {
    let record = Arc::new(Record::default());
    let connection = RedisConnection::connect(options, Arc::clone(&record) as _)
        .await
        .expect("a connection");
    connection.subscribe(channels.iter().cloned());
    connection.subscribed().await.expect("subscriptions");
    record.ups(1).await;
    (connection, record)
}

/// Publishes until it is heard: what is published while the connection is lost may be.
async fn publish_until_heard(connection: &RedisConnection, record: &Record, payload: &str) {
    let heard = record.hears(payload);
    let publishing = async {
        loop {
            connection
                .publish(plain("a"), Bytes::from(payload.to_owned()))
                .ok();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = heard => {}
        () = publishing => {}
    }
}
