//! One node on NATS: what it subscribes, says and hears.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinHandle},
    time::{Instant, interval, timeout},
};

use super::{
    super::{
        broker::{PublishError, Topic},
        inbox::Inbox,
        message::ClusterMessage,
        node::NodeId,
        presence::{HEARTBEAT, Presence, PresenceWord, Saying, hear, sweep},
        publish_queue::{Publication, PublishLimits, PublishQueue},
    },
    nats_servers::{NatsServers, NatsUnreachable},
};

/// How long the first attempt to connect may take.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long to wait between two attempts of the first connect in the background: it doubles up to the second.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How long a node that leaves takes to say so, at most.
const LEAVING: Duration = Duration::from_secs(1);

/// Messages between this node and the task of its connection, each way. What comes beyond them is dropped by `async-nats`,
/// which says so.
const IN_CRATE: usize = 8_192;

/// A node whose own heartbeats have not come back for so long hears nothing.
const DEAF: Duration = Duration::from_secs(15);

/// A message and its subject.
#[derive(Debug)]
struct NatsPublication {
    subject: Arc<str>,
    payload: Bytes,
}

impl Publication for NatsPublication {
    fn size(&self) -> usize {
        self.subject.len() + self.payload.len()
    }
}

/// The node whose messages are exchanged with NATS.
pub(super) struct NatsNode {
    prefix: String,
    queue: PublishQueue<NatsPublication>,
    joined: OnceLock<JoinedNatsNode>,
    /// `None` before it connects, and when it has left.
    client: RwLock<Option<Client>>,
    presence: Mutex<Presence>,
    /// The crate has dropped messages that this node did not take fast enough, and their number is not told yet.
    lagging: AtomicBool,
    /// When a heartbeat of its own came back last.
    hears: watch::Sender<Option<Instant>>,
    /// Connects, then listens, sends and beats, until the node has left.
    task: Mutex<Option<AbortHandle>>,
    /// Says goodbye for a node that leaves.
    leaving: Mutex<Option<JoinHandle<()>>>,
}

struct JoinedNatsNode {
    inbox: Inbox,
    /// What this node says to all.
    all: Arc<str>,
    runtime: tokio::runtime::Handle,
}

impl NatsNode {
    pub(super) fn new(prefix: String, limits: PublishLimits) -> Self {
        Self {
            prefix,
            queue: PublishQueue::new(limits),
            joined: OnceLock::new(),
            client: RwLock::default(),
            presence: Mutex::default(),
            lagging: AtomicBool::new(false),
            hears: watch::Sender::new(None),
            task: Mutex::default(),
            leaving: Mutex::default(),
        }
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined.get().is_some()
    }

    pub(super) fn has_client(&self) -> bool {
        self.client.read().is_some()
    }

    /// Connects once.
    pub(super) async fn connect(
        self: &Arc<Self>,
        servers: &NatsServers,
    ) -> Result<(), NatsUnreachable> {
        let options = servers.options(self.options());
        let addresses = servers.addresses.clone();
        // A task of its own, since rustls panics if the program has chosen no cryptography.
        let connecting = tokio::spawn(async move { options.connect(addresses).await });
        let abort = connecting.abort_handle();
        let client = match timeout(CONNECTING, connecting).await {
            Ok(Ok(Ok(client))) => client,
            Ok(Ok(Err(error))) => return Err(servers.unreachable(error.to_string())),
            Ok(Err(_)) => {
                return Err(servers.unreachable(
                    "it asks for TLS, and the program has chosen no cryptography: the feature `tls-ring` is one",
                ));
            }
            Err(_) => {
                abort.abort();
                return Err(
                    servers.unreachable(format!("to connect took longer than {CONNECTING:?}"))
                );
            }
        };
        let before = self.client.write().replace(client);
        drop(before);
        Ok(())
    }

    /// Ready when what is published to this node arrives.
    pub(super) async fn hears(&self, servers: &NatsServers) -> Result<(), NatsUnreachable> {
        let mut hears = self.hears.subscribe();
        let hearing = hears.wait_for(Option::is_some);
        match timeout(CONNECTING, hearing).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(servers.unreachable(format!(
                "nothing came back from it within {CONNECTING:?}: may this user publish and subscribe {}.>?",
                self.prefix
            ))),
        }
    }

    fn options(self: &Arc<Self>) -> ConnectOptions {
        let node = Arc::downgrade(self);
        ConnectOptions::new()
            .name("koio")
            .connection_timeout(CONNECTING)
            .ping_interval(Duration::from_secs(10))
            .client_capacity(IN_CRATE)
            .subscription_capacity(IN_CRATE)
            .event_callback(move |event| {
                if let Some(node) = Weak::upgrade(&node) {
                    node.happened(&event);
                }
                std::future::ready(())
            })
    }

    /// A server joins.
    pub(super) fn join(self: &Arc<Self>, inbox: Inbox, servers: NatsServers) {
        let joined = JoinedNatsNode {
            all: format!("{}.all.{}", self.prefix, inbox.node()).into(),
            inbox: inbox.clone(),
            runtime: tokio::runtime::Handle::current(),
        };
        // A broker serves one server.
        if self.joined.set(joined).is_err() {
            return;
        }
        if !self.has_client() {
            inbox.alone(&"it connects to NATS in the background");
        }
        let task = tokio::spawn(Arc::clone(self).run(inbox, servers));
        *self.task.lock() = Some(task.abort_handle());
    }

    async fn run(self: Arc<Self>, inbox: Inbox, servers: NatsServers) {
        let mut wait = FIRST_WAIT;
        while !self.has_client() {
            let Err(error) = self.connect(&servers).await else {
                break;
            };
            tracing::debug!(target: "koio::adapter", ?wait, "{error}");
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
        let Some(client) = self.client.read().clone() else {
            return;
        };
        let all = client.subscribe(format!("{}.all.*", self.prefix)).await;
        let own = client.subscribe(self.subject_of(inbox.node())).await;
        let (Ok(all), Ok(own)) = (all, own) else {
            return inbox.alone(&servers.unreachable("it takes no subscriptions"));
        };
        self.queue.open();
        self.say(Saying::Hello);
        tokio::join!(
            self.listen(&inbox, &client, all, own),
            self.send(&inbox, client.clone()),
            self.beat(&inbox),
        );
    }

    async fn listen(
        &self,
        inbox: &Inbox,
        client: &Client,
        mut all: Subscriber,
        mut own: Subscriber,
    ) {
        let statistics = client.statistics();
        // Messages that this node took, or was told to have lost.
        let mut known = 0;
        loop {
            let mut next = None;
            if self.lagging.load(Ordering::Acquire) {
                // With a new budget of the runtime's, a message that is queued is there at once.
                tokio::task::yield_now().await;
                next = own.next().now_or_never();
                next = next.or_else(|| all.next().now_or_never());
                if next.is_none() {
                    self.lagging.store(false, Ordering::Release);
                    // Nothing is queued: what NATS sent beyond what came here was dropped between. What this node said itself, and comes
                    // back, is among it.
                    let sent = statistics.in_messages.load(Ordering::Relaxed);
                    inbox.dropped(sent.saturating_sub(known));
                    known = sent.max(known);
                }
            }
            let message = match next {
                Some(message) => message,
                // Answers first: `Bye` comes to all, behind them.
                None => tokio::select! {
                    biased;
                    message = own.next() => message,
                    message = all.next() => message,
                },
            };
            known += 1;
            match message {
                Some(message) => self.heard(inbox, &message.subject, message.payload),
                None => return inbox.alone(&"the connection to NATS has ended"),
            }
        }
    }

    async fn send(&self, inbox: &Inbox, client: Client) {
        while let Some(batch) = self.queue.next_batch().await {
            for NatsPublication { subject, payload } in batch {
                let sent = client.publish(subject.to_string(), payload).await;
                if let Err(error) = sent {
                    inbox.unpublished(1, &error);
                }
            }
        }
    }

    async fn beat(&self, inbox: &Inbox) {
        let mut heartbeat = interval(HEARTBEAT);
        loop {
            heartbeat.tick().await;
            let now = Instant::now();
            let heard = *self.hears.borrow();
            if heard.is_some_and(|heard| now.duration_since(heard) > DEAF) {
                inbox.alone(&"what this node publishes does not come back to it");
            }
            if inbox.alone_since().is_none() {
                sweep(&self.presence, inbox, now);
            }
            self.say(Saying::Here);
        }
    }

    /// Says a word to all nodes.
    fn say(&self, says: Saying) {
        if let Some(joined) = self.joined.get() {
            self.say_to(Arc::clone(&joined.all), joined, says);
        }
    }

    fn say_to(&self, subject: Arc<str>, joined: &JoinedNatsNode, says: Saying) {
        let word = PresenceWord {
            node: joined.inbox.node().clone(),
            says,
        };
        // It is said again with the next heartbeat.
        let _ = self.queue.push(NatsPublication {
            subject,
            payload: word.encode(),
        });
    }

    fn subject_of(&self, node: &NodeId) -> String {
        format!("{}.node.{node}", self.prefix)
    }

    pub(super) fn publish(
        &self,
        topic: &Topic,
        message: &ClusterMessage,
    ) -> Result<(), PublishError> {
        let Some(joined) = self.joined.get() else {
            return Err(PublishError::new("the server has not joined"));
        };
        let payload = message.encode()?;
        let largest = self.client.read().as_ref().map(Client::max_payload);
        if let Some(largest) = largest
            && payload.len() > largest
        {
            return Err(PublishError::new(format!(
                "it has {} bytes, NATS' max_payload is {largest}",
                payload.len()
            )));
        }
        let subject = match topic {
            Topic::Namespace { .. } => Arc::clone(&joined.all),
            Topic::Node(node) => self.subject_of(node).into(),
        };
        self.queue
            .push(NatsPublication { subject, payload })
            .map_err(|refusal| PublishError::new(refusal.to_string()))
    }

    /// A message has come.
    fn heard(&self, inbox: &Inbox, subject: &str, payload: Bytes) {
        let Some(joined) = self.joined.get() else {
            return;
        };
        if subject == &*joined.all {
            // Any message of its own that comes back shows that it hears.
            self.hears.send_replace(Some(Instant::now()));
            inbox.together();
            return;
        }
        if let Some(new) = hear(&self.presence, inbox, payload) {
            self.say_to(self.subject_of(&new).into(), joined, Saying::Here);
        }
    }

    /// What the connection tells. It may have ended before a server joins.
    fn happened(&self, event: &Event) {
        tracing::debug!(target: "koio::adapter", "NATS: {event}");
        let Some(joined) = self.joined.get() else {
            return;
        };
        match event {
            Event::Connected => {
                self.presence.lock().forgive(Instant::now());
                self.queue.open();
                // When it comes back, this node hears.
                self.say(Saying::Hello);
            }
            Event::Disconnected => {
                joined.inbox.alone(&"the connection to NATS is lost");
                let lost = self.queue.refuse();
                if lost > 0 {
                    joined
                        .inbox
                        .unpublished(lost, &"the connection to NATS is lost");
                }
            }
            // One for each message, as long as there is room for events.
            Event::SlowConsumer(_) => self.lagging.store(true, Ordering::Release),
            _ => {}
        }
    }

    /// The server leaves. What is queued is still sent.
    pub(super) fn leave(self: &Arc<Self>) {
        let client = self.client.write().take();
        let task = self.task.lock().take();
        let Some(joined) = self.joined.get() else {
            return;
        };
        self.say(Saying::Bye);
        self.queue.close();
        let end = move || task.iter().for_each(AbortHandle::abort);
        let Some(client) = client else {
            return end();
        };
        let node = Arc::clone(self);
        let leaving = joined.runtime.spawn(async move {
            let flushed = async {
                node.queue.flushed().await;
                client.flush().await
            };
            // What is left at the deadline is lost with the connection.
            let _ = timeout(LEAVING, flushed).await;
            end();
        });
        *self.leaving.lock() = Some(leaving);
    }

    /// Ready when what was said before this node left is sent, or lost.
    pub(super) async fn left(&self) {
        let leaving = self.leaving.lock().take();
        if let Some(leaving) = leaving {
            // It ends early only together with the runtime.
            let _ = leaving.await;
        }
    }
}
