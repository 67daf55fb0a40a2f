//! One node on Redis: what it subscribes, says and hears.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, interval, timeout},
};

use super::{
    super::{
        broker::{PublishError, Topic},
        inbox::{CountFuture, Inbox, UnnamedServers},
        message::{ClusterMessage, MessageBody},
        node::NodeId,
        node_wire::{NodeMessage, NodeWire, SubscriptionMode},
        presence::{HEARTBEAT, Presence, PresenceWord, Saying, hear, sweep},
        redis::{RedisConnection, RedisEvents, RedisUnreachable},
        redis_channel::RedisChannel,
    },
    from_node,
    places::Places,
    to_node,
};
use crate::ids::Pattern;

/// How long a node that leaves takes to say so, at most.
const LEAVING: Duration = Duration::from_secs(1);

/// How long a node that comes waits for the nodes that are there, at most: Redis may count one that has died.
const MEETING: Duration = Duration::from_millis(500);

/// How long answers are listened for, in a namespace that is not subscribed for its sockets, at least.
const ANSWERS: Duration = Duration::from_secs(60);

/// The node whose messages are exchanged with Redis.
pub(super) struct RedisNode {
    /// The prefix of all channels.
    prefix: String,
    /// `None`: by plain channels and patterns.
    sharded: Option<SubscriptionMode>,
    /// Set when the server joins.
    joined: OnceLock<JoinedNode>,
    /// `None` before it connects, and when it has left.
    connection: RwLock<Option<RedisConnection>>,
    presence: Mutex<Presence>,
    /// Another node of koio's was heard.
    heard: Notify,
    /// Why the connection was lost before the server joined, and not found again.
    lost_early: Mutex<Option<String>>,
    /// Closes the connection of a node that leaves.
    leaving: Mutex<Option<JoinHandle<()>>>,
}

struct JoinedNode {
    inbox: Inbox,
    wire: NodeWire,
    places: Arc<Places>,
    /// The channel of all nodes of koio's, and that of this one.
    all: Arc<str>,
    own: Arc<str>,
}

impl RedisNode {
    pub(super) fn new(prefix: String, sharded: Option<SubscriptionMode>) -> Self {
        Self {
            prefix,
            sharded,
            joined: OnceLock::new(),
            connection: RwLock::default(),
            presence: Mutex::default(),
            heard: Notify::new(),
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
        let wire = match self.sharded {
            None => NodeWire::classic(&self.prefix, uid),
            Some(mode) => NodeWire::sharded_in(&self.prefix, uid, mode),
        };
        inbox.with_unnamed(Arc::new(NodeServers(Arc::downgrade(self))));
        let places = Places::new(inbox.clone(), wire.clone(), self.prefix.clone());
        let joined = JoinedNode {
            places: Arc::clone(&places),
            all: self.all_channel().into(),
            own: self.channel_of(inbox.node()).into(),
            inbox,
            wire,
        };
        // A broker serves one server.
        if self.joined.set(joined).is_err() {
            return;
        }
        if let Some(joined) = self.joined.get() {
            joined.inbox.watch_occupancy(places);
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
        let mut channels = vec![joined.channel(&joined.own), joined.channel(&joined.all)];
        for namespace in joined.inbox.namespaces() {
            channels.extend(joined.places.subscriptions(namespace));
        }
        connection.subscribe(channels);
        let (node, places) = (Arc::downgrade(self), Arc::clone(&joined.places));
        tokio::spawn(async move { places.follow(|| node.upgrade()?.connection()).await });
        let node = Arc::downgrade(self);
        tokio::spawn(async move {
            // The nodes that are there answer, which is heard only now. If it can't be yet, `up` says hello.
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

    /// Ready when the nodes of koio's that are there have answered the hello, so that a request asks all of them. It has
    /// subscribed.
    pub(super) async fn met(&self) {
        let (Some(joined), Some(connection)) = (self.joined.get(), self.connection()) else {
            return;
        };
        let all = joined.channel(&joined.all);
        let counted = connection.subscriber_count(all).await.unwrap_or_default();
        let met = async {
            loop {
                let heard = self.heard.notified();
                if self.presence.lock().count() + 1 >= counted {
                    return;
                }
                heard.await;
            }
        };
        // A node that has not answered by then is known with its next heartbeat.
        let _ = timeout(MEETING, met).await;
    }

    fn beat(&self) {
        let Some(joined) = self.joined.get() else {
            return;
        };
        if joined.inbox.alone_since().is_some() {
            return;
        }
        joined.places.sweep(Instant::now());
        sweep(&self.presence, &joined.inbox, Instant::now());
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
        let _ = connection.publish(joined.channel(channel), word.encode());
    }

    fn all_channel(&self) -> String {
        format!("{}-koio#", self.prefix)
    }

    fn channel_of(&self, node: &NodeId) -> String {
        format!("{}-koio#{node}#", self.prefix)
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
                    let channel = joined.wire.channel_of_koio(self.channel_of(node).into());
                    connection.publish(channel, message.encode()?)
                }
            },
            Topic::Namespace { namespace, .. } => {
                let is_declared = joined.places.is_declared(namespace);
                // Node has no words for a family.
                let words = (!Pattern::is_one(namespace))
                    .then(|| to_node::message(&message.body, !is_declared))
                    .flatten();
                if !is_declared || words.is_none() || names_its_sender(&message.body) {
                    let channel = joined.channel(&joined.all);
                    connection.publish(channel, message.encode()?)?;
                }
                let Some((_, words)) = words else {
                    return Ok(());
                };
                if !is_declared && let Some(wait) = answers_within(&message.body) {
                    joined.places.ask(namespace, wait, &connection);
                    if !connection.is_subscribed() {
                        return joined.say_when_subscribed(namespace, &words, connection);
                    }
                }
                say(namespace, None, &words)
            }
        }
    }

    /// Ready when the places that have changed until now are subscribed.
    ///
    /// # Errors
    /// Redis does not confirm it in time.
    pub(super) async fn subscribed(&self) -> Result<(), RedisUnreachable> {
        let (Some(joined), Some(connection)) = (self.joined.get(), self.connection()) else {
            return Ok(());
        };
        joined.places.look_now(&connection);
        connection.subscribed().await
    }

    /// The server leaves. What is queued is still sent.
    pub(super) fn leave(&self) {
        let Some(connection) = self.connection() else {
            return;
        };
        let mut counted = Vec::new();
        if let Some(joined) = self.joined.get() {
            joined.places.close();
            counted = joined.places.counted();
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
        self.heard.notify_waiters();
    }
}

impl JoinedNode {
    /// A channel of koio's own by its name.
    fn channel(&self, name: &Arc<str>) -> RedisChannel {
        self.wire.channel_of_koio(Arc::clone(name))
    }

    /// Says it when the answers are heard. So a request may come behind what is published after it.
    fn say_when_subscribed(
        &self,
        namespace: &str,
        words: &NodeMessage,
        connection: RedisConnection,
    ) -> Result<(), PublishError> {
        let said = self.wire.encode(namespace, None, words);
        let said = said.map_err(|error| PublishError::new(error.to_string()))?;
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let published = match connection.subscribed().await {
                Ok(()) => connection.publish(said.channel, said.payload),
                Err(error) => Err(PublishError::new(error.to_string())),
            };
            if let Err(error) = published {
                inbox.unpublished(1, &error);
            }
        });
        Ok(())
    }
}

/// Whether nodes of koio's must know which node has sent it, which only koio's words say: to answer it, or to tell the handlers
/// of an event between servers.
fn names_its_sender(body: &MessageBody) -> bool {
    matches!(
        body,
        MessageBody::Fetch { .. } | MessageBody::Ask { .. } | MessageBody::ServerEvent { .. }
    )
}

/// How long answers to it may come. `None` if its sender waits for none.
fn answers_within(body: &MessageBody) -> Option<Duration> {
    match body {
        MessageBody::Ask { wait, .. } => Some(Duration::from_millis(*wait).max(ANSWERS)),
        MessageBody::Fetch { .. }
        | MessageBody::ServerEvent {
            request: Some(_), ..
        } => Some(ANSWERS),
        _ => None,
    }
}

impl RedisEvents for RedisNode {
    fn message(&self, channel: Bytes, pattern: Option<Bytes>, payload: Bytes) {
        let Some(joined) = self.joined.get() else {
            return;
        };
        if channel == joined.all.as_bytes() || channel == joined.own.as_bytes() {
            return self.heard_koio(joined, payload);
        }
        let has_room = |namespace: &str, room: &str| joined.inbox.may_have_room(namespace, room);
        let bytes = payload.len();
        match joined.wire.decode(&channel, payload, &has_room) {
            // It came by the pattern of another namespace too.
            Ok(Some(incoming))
                if pattern.as_ref().is_some_and(|pattern| {
                    !joined.wire.is_pattern_of(&incoming.namespace, pattern)
                }) => {}
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
            Some((node.connection()?, counted, joined.places.marker(namespace)))
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
