//! The task that listens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{
    PushInfo, PushKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{MissedTickBehavior, sleep},
};

use super::{
    super::{publish_queue::PublishQueue, redis_channel::RedisChannel},
    backoff::Backoff,
    commands,
    events::RedisEvents,
    liveness::{Liveness, LivenessAction},
    publication::RedisPublication,
    server::{RedisServer, RedisUnreachable, describe, describe_answer},
    socket::{PushHandler, RedisSocket},
    subscriptions::{SubscriptionChange, SubscriptionChanges, Subscriptions},
};
use crate::time;

/// The channels that are subscribed in one write.
const CHANNELS_PER_WRITE: usize = 256;

/// How often it is looked whether anything came, in an interval of [`Liveness`]. The messages themselves read no clock.
const LOOKS_PER_INTERVAL: u32 = 6;

/// Keeps the connection that listens: connects for ever, subscribes everything on each new connection, and probes it when
/// nothing comes.
pub(super) struct Subscriber {
    pub(super) server: Arc<RedisServer>,
    pub(super) within: Duration,
    pub(super) probe_interval: Duration,
    /// No other node subscribes it. Its messages only show that the connection hears.
    pub(super) probe_channel: RedisChannel,
    pub(super) subscriptions: Arc<Mutex<Subscriptions>>,
    /// There are changes of the subscriptions.
    pub(super) changed: Arc<Notify>,
    pub(super) listening: watch::Sender<Listening>,
    pub(super) queue: Arc<PublishQueue<RedisPublication>>,
    pub(super) events: Arc<dyn RedisEvents>,
    pub(super) heard: Arc<AtomicBool>,
    /// The connection that publishes, while there is one.
    pub(super) commands: watch::Receiver<Option<MultiplexedConnection>>,
}

/// How far the connection that listens has got.
#[derive(Clone, Debug, Default)]
pub(super) struct Listening {
    /// The connection is there, and has told Redis all channels at least once.
    pub(super) is_up: bool,
    /// Redis has confirmed the changes of the subscriptions up to this number.
    pub(super) confirmed: u64,
    /// Why it is not up.
    pub(super) cause: Option<Arc<str>>,
}

/// Why a connection is given up.
enum ListeningEnd {
    Lost(String),
    /// It is deaf; [`Liveness`] has waited already.
    Deaf,
}

impl Subscriber {
    pub(super) async fn open(&self) -> Result<RedisSocket, RedisUnreachable> {
        RedisSocket::open(&self.server, Some(self.listener()), self.within).await
    }

    fn listener(&self) -> impl PushHandler + use<> {
        let (events, heard) = (Arc::clone(&self.events), Arc::clone(&self.heard));
        let probe_channel = self.probe_channel.name().to_owned();
        move |push: PushInfo| {
            let Some((channel, pattern, payload)) = message(push) else {
                return;
            };
            // A load first, so that a busy connection does not write to the memory that both tasks share.
            if !heard.load(Ordering::Relaxed) {
                heard.store(true, Ordering::Relaxed);
            }
            if channel != probe_channel.as_bytes() {
                events.message(channel, pattern, payload);
            }
        }
    }

    /// Never ends by itself.
    pub(super) async fn run(self, mut opened: Option<RedisSocket>) {
        let mut backoff = Backoff::new();
        let mut liveness = Liveness::new(self.probe_interval, time::now());
        let mut told_down = false;
        loop {
            let socket = match opened.take() {
                Some(socket) => Ok(socket),
                None => self.open().await.map_err(|error| error.cause().to_owned()),
            };
            let subscribed = match socket {
                Ok(mut socket) => self.subscribe_all(&mut socket).await.map(|()| socket),
                Err(cause) => Err(cause),
            };
            let ended = match subscribed {
                Ok(mut socket) => {
                    let since = time::now();
                    liveness.reconnected(since);
                    let listening = self.listen(&mut socket, &mut liveness, &mut told_down);
                    let ended = listening.await;
                    backoff.lasted(since, time::now());
                    ended
                }
                Err(cause) => ListeningEnd::Lost(cause),
            };
            let cause = match &ended {
                ListeningEnd::Lost(cause) => cause.clone(),
                ListeningEnd::Deaf => format!(
                    "nothing came for {:?}, not even a probe that Redis has taken",
                    self.probe_interval
                ),
            };
            self.subscriptions.lock().lost();
            self.listening.send_modify(|listening| {
                listening.is_up = false;
                listening.cause = Some(cause.as_str().into());
            });
            if !std::mem::replace(&mut told_down, true) {
                self.events.down(&cause);
            }
            if let ListeningEnd::Lost(cause) = ended {
                let wait = backoff.next(getrandom::u32().unwrap_or_default());
                tracing::debug!(target: "koio::adapter", server = %self.server, ?wait, "no connection that listens: {cause}");
                sleep(wait).await;
            }
        }
    }

    async fn subscribe_all(&self, socket: &mut RedisSocket) -> Result<(), String> {
        let probe = SubscriptionChange::Subscribe(self.probe_channel.clone());
        self.send(socket, &[probe]).await?;
        let all = self.subscriptions.lock().take_all();
        self.tell(socket, all).await
    }

    /// Tells Redis of changes, and waits until it has confirmed them.
    async fn tell(
        &self,
        socket: &mut RedisSocket,
        changes: SubscriptionChanges,
    ) -> Result<(), String> {
        for some in changes.changes.chunks(CHANNELS_PER_WRITE) {
            self.send(socket, some).await?;
        }
        self.listening.send_modify(|listening| {
            listening.is_up = true;
            listening.confirmed = changes.last;
            listening.cause = None;
        });
        Ok(())
    }

    async fn send(
        &self,
        socket: &mut RedisSocket,
        changes: &[SubscriptionChange],
    ) -> Result<(), String> {
        let answers = socket
            .commands
            .req_packed_commands(&commands::subscribe(changes), 0, changes.len())
            .await
            .map_err(|error| describe(&error))?;
        for answer in answers {
            if let Value::ServerError(error) = answer {
                let error = describe_answer(&error);
                return Err(format!("Redis refuses a subscription: {error}"));
            }
        }
        Ok(())
    }

    /// Until the connection is to be given up. Tells that it is up when messages can be published too.
    async fn listen(
        &self,
        socket: &mut RedisSocket,
        liveness: &mut Liveness,
        told_down: &mut bool,
    ) -> ListeningEnd {
        let (mut commands, mut told_up) = (self.commands.clone(), false);
        let mut look = tokio::time::interval(self.probe_interval / LOOKS_PER_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probe = None;
        loop {
            tokio::select! {
                biased;
                () = socket.closed() => return ListeningEnd::Lost(RedisSocket::CLOSED.to_owned()),
                () = publishing(&mut commands), if !told_up => {
                    told_up = true;
                    *told_down = false;
                    self.events.up();
                }
                () = self.changed.notified() => {
                    let changes = self.subscriptions.lock().take_changes();
                    if let Err(cause) = self.tell(socket, changes).await {
                        return ListeningEnd::Lost(cause);
                    }
                }
                accepted = result(&mut probe) => {
                    probe = None;
                    liveness.probed(accepted, time::now());
                }
                _ = look.tick() => {
                    let now = time::now();
                    if self.heard.swap(false, Ordering::Relaxed) {
                        liveness.heard(now);
                    }
                    match liveness.next(now) {
                        Some(LivenessAction::Probe) => probe = Some(self.probe()),
                        Some(LivenessAction::Restart) => return ListeningEnd::Deaf,
                        None => {}
                    }
                }
            }
        }
    }

    /// Publishes a probe the way every message goes.
    fn probe(&self) -> oneshot::Receiver<bool> {
        let (accepted, result) = oneshot::channel();
        let probe = RedisPublication {
            channel: self.probe_channel.clone(),
            payload: Bytes::from_static(b"probe"),
            accepted: Some(accepted),
        };
        if let Err(refusal) = self.queue.push(probe) {
            tracing::debug!(target: "koio::adapter", server = %self.server, "a probe was not published: {refusal}");
        }
        result
    }
}

/// Ready when there is a connection that publishes.
async fn publishing(commands: &mut watch::Receiver<Option<MultiplexedConnection>>) {
    if commands.wait_for(Option::is_some).await.is_err() {
        // The node has left.
        std::future::pending().await
    }
}

/// Whether Redis took a probe; never ready without one.
async fn result(probe: &mut Option<oneshot::Receiver<bool>>) -> bool {
    match probe {
        Some(probe) => probe.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

/// The channel, the pattern that it fits, and the payload, if this is a message.
fn message(push: PushInfo) -> Option<(Bytes, Option<Bytes>, Bytes)> {
    let mut parts = push.data.into_iter().map(|part| match part {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        _ => None,
    });
    let mut next = || parts.next().flatten();
    let pattern = match push.kind {
        PushKind::Message | PushKind::SMessage => None,
        PushKind::PMessage => Some(next()?),
        _ => return None,
    };
    Some((next()?, pattern, next()?))
}
