//! One node on Redis: what it subscribes, says and hears.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::{
    task::JoinHandle,
    time::{Instant, interval},
};

use super::{
    super::{
        broker::{PublishError, Topic},
        inbox::{CountFuture, Inbox, UnnamedServers},
        message::{ClusterMessage, MessageBody},
        node::NodeId,
        node_wire::{NodeMessage, NodeWire},
        presence::{HEARTBEAT, Presence, PresenceWord, Saying, hear},
        redis::{RedisConnection, RedisEvents},
        redis_channel::RedisChannel,
    },
    from_node, to_node,
};

/// How long a node that leaves takes to say so, at most.
const LEAVING: Duration = Duration::from_secs(1);

/// Whose messages a node exchanges with Redis.
pub(super) struct RedisNode {
    /// The prefix of all channels.
    prefix: String,
    /// Set when the server joins.
    joined: OnceLock<JoinedNode>,
    /// `None` before it connects, and when it has left.
    connection: RwLock<Option<RedisConnection>>,
    presence: Mutex<Presence>,
    /// Why the connection was lost before the server joined, and not found again.
    lost_early: Mutex<Option<String>>,
    /// Closes the connection of a node that leaves.
    leaving: Mutex<Option<JoinHandle<()>>>,
}

struct JoinedNode {
    inbox: Inbox,
    wire: NodeWire,
    /// The channel of all nodes of koio's, and that of this one.
    all: Arc<str>,
    own: Arc<str>,
}

impl RedisNode {
    pub(super) fn new(prefix: String) -> Self {
        Self {
            prefix,
            joined: OnceLock::new(),
            connection: RwLock::default(),
            presence: Mutex::default(),
            lost_early: Mutex::default(),
            leaving: Mutex::default(),
        }
    }

    pub(super) fn connection(&self) -> Option<RedisConnection> {
        self.connection.read().clone()
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined.get().is_some()
    }

    /// Uses a connection, which tells this node what it hears.
    pub(super) fn connected(&self, connection: RedisConnection) {
        let before = self.connection.write().replace(connection);
        drop(before);
    }

    /// A server joins. Its subscriptions begin with its connection.
    pub(super) fn join(self: &Arc<Self>, inbox: Inbox) {
        let uid = inbox.node().as_str();
        let wire = NodeWire::classic(&self.prefix, uid);
        inbox.with_unnamed(Arc::new(NodeServers(Arc::downgrade(self))));
        let joined = JoinedNode {
            all: self.all_channel().into(),
            own: self.channel_of(inbox.node()).into(),
            inbox,
            wire,
        };
        // A broker serves one server.
        if self.joined.set(joined).is_err() {
            return;
        }
        let lost = self.lost_early.lock().take();
        if let (Some(cause), Some(joined)) = (lost, self.joined.get()) {
            joined.inbox.alone(&cause);
        }
    }

    /// Subscribes what the node that has joined must hear, and says from here on that it is there. It has a connection.
    pub(super) fn subscribe(self: &Arc<Self>) {
        let (Some(joined), Some(connection)) = (self.joined.get(), self.connection()) else {
            return;
        };
        let plain = |name: &Arc<str>| RedisChannel::Plain(Arc::clone(name));
        let mut channels = vec![plain(&joined.own), plain(&joined.all)];
        for namespace in joined.inbox.namespaces() {
            let mut of_namespace = joined.wire.subscriptions(namespace);
            // Right before the channel on which Node counts, which comes last.
            let marker = of_namespace.len().saturating_sub(1);
            of_namespace.insert(marker, self.marker(namespace));
            channels.extend(of_namespace);
        }
        connection.subscribe(channels);
        let node = Arc::downgrade(self);
        tokio::spawn(async move {
            // Those who are there answer, which is heard only now. If it can't be yet, `up` says hello.
            if connection.subscribed().await.is_ok()
                && let Some(node) = node.upgrade()
            {
                node.hello();
            }
            drop(connection);
            let mut heartbeat = interval(HEARTBEAT);
            loop {
                heartbeat.tick().await;
                match node.upgrade() {
                    Some(node) if node.connection().is_some() => node.beat(),
                    _ => return,
                }
            }
        });
    }

    fn beat(&self) {
        let Some(joined) = self.joined.get() else {
            return;
        };
        if joined.inbox.alone_since().is_some() {
            return;
        }
        let gone = self.presence.lock().sweep(Instant::now());
        for node in gone {
            joined.inbox.node_down(&node);
        }
        self.say(Saying::Here, &joined.all);
    }

    fn hello(&self) {
        if let Some(joined) = self.joined.get() {
            self.say(Saying::Hello, &joined.all);
        }
    }

    fn say(&self, says: Saying, channel: &Arc<str>) {
        let (Some(joined), Some(connection)) = (self.joined.get(), self.connection()) else {
            return;
        };
        let word = PresenceWord {
            node: joined.inbox.node().clone(),
            says,
        };
        // It is said again with the next heartbeat.
        let _ = connection.publish(RedisChannel::Plain(Arc::clone(channel)), word.encode());
    }

    fn all_channel(&self) -> String {
        format!("{}-koio#", self.prefix)
    }

    fn channel_of(&self, node: &NodeId) -> String {
        format!("{}-koio#{node}#", self.prefix)
    }

    /// A channel on which nothing is published, which each node of koio's with a namespace subscribes.
    fn marker(&self, namespace: &str) -> RedisChannel {
        RedisChannel::Plain(format!("{}-koio-node#{namespace}#", self.prefix).into())
    }

    pub(super) fn publish(
        &self,
        topic: &Topic,
        message: &ClusterMessage,
    ) -> Result<(), PublishError> {
        let (Some(joined), Some(connection)) = (self.joined.get(), self.connection()) else {
            return Err(PublishError::new("Redis was not reached yet"));
        };
        let say = |namespace: &str, to: Option<&str>, words: &NodeMessage| {
            let said = joined.wire.encode(namespace, to, words);
            let said = said.map_err(|error| PublishError::new(error.to_string()))?;
            connection.publish(said.channel, said.payload)
        };
        match topic {
            Topic::Node(node) => match (node.server(), to_node::answer(&message.body)) {
                (Some(server), Some(answer)) => say(&server.namespace, Some(&server.uid), &answer),
                // A client that does not answer: the server's own time tells it.
                (Some(_), None) => Ok(()),
                (None, _) => {
                    let channel = self.channel_of(node).into();
                    connection.publish(RedisChannel::Plain(channel), message.encode()?)
                }
            },
            Topic::Namespace { namespace, .. } => {
                let is_declared = joined.inbox.namespaces().any(|name| name == &**namespace);
                let words = to_node::message(&message.body).filter(|_| is_declared);
                if words.is_none() || is_request(&message.body) {
                    let channel = RedisChannel::Plain(Arc::clone(&joined.all));
                    connection.publish(channel, message.encode()?)?;
                }
                match words {
                    Some((namespace, words)) => say(namespace, None, &words),
                    None => Ok(()),
                }
            }
        }
    }

    /// The server leaves. What is queued is still sent.
    pub(super) fn leave(&self) {
        let Some(connection) = self.connection() else {
            return;
        };
        let mut counted = Vec::new();
        if let Some(joined) = self.joined.get() {
            for namespace in joined.inbox.namespaces() {
                counted.extend([joined.wire.counted(namespace), self.marker(namespace)]);
            }
            self.say(Saying::Bye, &joined.all);
        }
        // The connection refers to this node, and this node no longer to the connection.
        let connected = self.connection.write().take();
        drop(connected);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let leaving = runtime.spawn(connection.close(counted, LEAVING));
            *self.leaving.lock() = Some(leaving);
        }
    }

    /// Ready when what was said before this node left is sent, or lost.
    pub(super) async fn left(&self) {
        let leaving = self.leaving.lock().take();
        if let Some(leaving) = leaving {
            // It ends early only together with the runtime.
            let _ = leaving.await;
        }
    }

    fn heard_koio(&self, joined: &JoinedNode, payload: Bytes) {
        if let Some(new) = hear(&self.presence, &joined.inbox, payload) {
            self.say(Saying::Here, &self.channel_of(&new).into());
        }
    }
}

/// Whether nodes of koio's answer it in koio's words. An event between servers counts as one if nobody waits for an answer too:
/// its handlers are told which node has sent it.
fn is_request(body: &MessageBody) -> bool {
    matches!(
        body,
        MessageBody::Fetch { .. } | MessageBody::Ask { .. } | MessageBody::ServerEvent { .. }
    )
}

impl RedisEvents for RedisNode {
    fn message(&self, channel: Bytes, payload: Bytes) {
        let Some(joined) = self.joined.get() else {
            return;
        };
        if channel == joined.all.as_bytes() || channel == joined.own.as_bytes() {
            return self.heard_koio(joined, payload);
        }
        let has_room = |namespace: &str, room: &str| joined.inbox.has_room(namespace, room);
        let bytes = payload.len();
        match joined.wire.decode(&channel, payload, &has_room) {
            Ok(Some(incoming)) => {
                if let Some(message) = from_node::message(incoming, bytes) {
                    // The inbox counts what it drops.
                    let _ = joined.inbox.deliver(message);
                }
            }
            Ok(None) => {}
            Err(error) => joined.inbox.malformed(&error),
        }
    }

    fn up(&self) {
        let mut lost = self.lost_early.lock();
        *lost = None;
        drop(lost);
        if let Some(joined) = self.joined.get() {
            self.presence.lock().forgive(Instant::now());
            joined.inbox.together();
            self.hello();
        }
    }

    fn down(&self, cause: &str) {
        // Locked while it looks: `join` takes the cause behind the look, or the look finds the inbox.
        let mut lost = self.lost_early.lock();
        match self.joined.get() {
            Some(joined) => joined.inbox.alone(&cause),
            None => *lost = Some(cause.to_owned()),
        }
    }

    fn unpublished(&self, messages: u64, cause: &str) {
        if let Some(joined) = self.joined.get() {
            joined.inbox.unpublished(messages, &cause);
        }
    }
}

/// The Node servers beside a node.
struct NodeServers(Weak<RedisNode>);

impl UnnamedServers for NodeServers {
    fn count(&self, namespace: &str) -> CountFuture {
        let node = self.0.upgrade();
        let asked = node.as_ref().and_then(|node| {
            let joined = node.joined.get()?;
            let counted = joined.wire.counted(namespace);
            Some((node.connection()?, counted, node.marker(namespace)))
        });
        Box::pin(async move {
            let (connection, counted, marker) = asked?;
            let counts = tokio::join!(
                connection.subscriber_count(counted),
                connection.subscriber_count(marker),
            );
            Some(counts.0?.saturating_sub(counts.1?))
        })
    }
}
