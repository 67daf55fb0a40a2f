//! What arrives at one node: a bounded queue between the broker and the node's task.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use tokio::{sync::Notify, time::Instant};

use super::{
    super::{Adapter, OccupancyWatcher},
    message::ClusterMessage,
    node::NodeId,
};
use crate::{ids::Room, wire};

/// The most messages that may wait.
const MAX_MESSAGES: usize = 8_192;
/// The most bytes of messages that may wait.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Where a [`Broker`](super::Broker) puts what is for one node. Cloning costs a reference count.
///
/// At most 8,192 messages or 64 MiB wait in it. Messages beyond that are dropped, counted
/// ([`Counts::cluster_dropped`](crate::observe::Counts::cluster_dropped)) and logged as a warning.
#[derive(Clone)]
pub struct Inbox(Arc<InboxShared>);

struct InboxShared {
    node: NodeId,
    /// The namespaces that the node has declared by their names.
    namespaces: Vec<Arc<str>>,
    /// The sockets of the node.
    local: OnceLock<Weak<dyn Adapter>>,
    /// Since when the broker is gone.
    alone_since: Mutex<Option<Instant>>,
    /// The other nodes.
    nodes: RwLock<Vec<NodeId>>,
    /// Set if servers that have no names may be in the cluster too.
    unnamed: OnceLock<Arc<dyn UnnamedServers>>,
    queue: Mutex<InboxQueue>,
    /// The messages in `queue`, or being carried out, that put sockets into rooms.
    joins: AtomicUsize,
    arrived: Notify,
}

/// Servers of a cluster that are no nodes of koio's: they answer requests, and no server knows them by name.
pub(super) trait UnnamedServers: Send + Sync {
    /// How many of them serve a namespace. `None` if that can't be found out.
    fn count(&self, namespace: &str) -> CountFuture;
}

/// The future of [`UnnamedServers::count`].
pub(super) type CountFuture = Pin<Box<dyn Future<Output = Option<usize>> + Send>>;

#[derive(Default)]
struct InboxQueue {
    items: VecDeque<InboxItem>,
    messages: usize,
    bytes: usize,
    /// Messages dropped since the last [`InboxItem::Dropped`].
    dropped: u64,
    closed: bool,
}

/// What an [`Inbox`] gives to its node.
#[derive(Debug)]
pub(super) enum InboxItem {
    Message(ClusterMessage),
    NodeDown(NodeId),
    /// What arrived was no message.
    Malformed(String),
    /// Messages of this node were not published after all.
    Unpublished {
        messages: u64,
        cause: String,
    },
    /// The broker is gone, for this reason.
    Alone(String),
    /// The broker is there again, after this time.
    Together(Duration),
    /// The number of messages that were dropped since the last `Dropped`.
    Dropped(u64),
}

impl InboxItem {
    /// Whether the bounds of the queue are for it.
    fn is_message(&self) -> bool {
        matches!(self, Self::Message(_) | Self::Malformed(_))
    }

    fn size(&self) -> usize {
        match self {
            Self::Message(message) => message.size(),
            Self::Malformed(cause) => cause.len(),
            _ => 0,
        }
    }
}

/// The node has left, or is so far behind that the message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagging;

impl fmt::Display for Lagging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the node is too far behind: the message was dropped")
    }
}

impl std::error::Error for Lagging {}

impl Inbox {
    pub(super) fn new(node: NodeId, namespaces: Vec<Arc<str>>) -> Self {
        Self(Arc::new(InboxShared {
            node,
            namespaces,
            local: OnceLock::new(),
            alone_since: Mutex::default(),
            nodes: RwLock::default(),
            unnamed: OnceLock::new(),
            queue: Mutex::default(),
            joins: AtomicUsize::new(0),
            arrived: Notify::new(),
        }))
    }

    /// Sets whose sockets it is for.
    pub(super) fn serve(&self, local: Weak<dyn Adapter>) {
        // A node does it once.
        let _ = self.0.local.set(local);
    }

    /// The node that this is for.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.0.node
    }

    /// The namespaces that the node has declared by their names, each with its slash.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.0.namespaces.iter().map(|name| &**name)
    }

    /// A message of another node has arrived. One that this node published itself is ignored.
    ///
    /// # Errors
    /// The message was dropped: too much waits, or the node has left. The broker need not do anything; the node counts
    /// and logs what it drops while it is in the cluster.
    pub fn deliver(&self, message: ClusterMessage) -> Result<(), Lagging> {
        if message.from == self.0.node {
            return Ok(());
        }
        self.push(InboxItem::Message(message))
    }

    /// What arrived for this node is no message: it is counted
    /// ([`Counts::cluster_malformed`](crate::observe::Counts::cluster_malformed)) and logged with its cause, of which the
    /// beginning is kept.
    pub fn malformed(&self, cause: &dyn fmt::Display) {
        let cause = wire::shorten(cause.to_string());
        // If it is dropped, it is counted as that.
        let _ = self.push(InboxItem::Malformed(cause));
    }

    /// The broker has lost its connection, or has none yet: this node misses what others publish. Counted
    /// ([`Counts::cluster_gaps`](crate::observe::Counts::cluster_gaps)), logged as a warning, and told by
    /// [`IoHandle::alone_since`](crate::IoHandle::alone_since), until [`together`](Self::together). Without effect while
    /// it is gone already.
    pub fn alone(&self, cause: &dyn fmt::Display) {
        let mut since = self.0.alone_since.lock();
        if since.is_some() {
            return;
        }
        *since = Some(Instant::now());
        drop(since);
        self.tell(InboxItem::Alone(wire::shorten(cause.to_string())));
    }

    /// The broker has its connection again, and what others publish arrives. Without effect if it had lost none.
    pub fn together(&self) {
        let since = self.0.alone_since.lock().take();
        if let Some(since) = since {
            self.tell(InboxItem::Together(since.elapsed()));
        }
    }

    /// The broker's own client has dropped so many messages, since this node did not take them fast enough: counted
    /// ([`Counts::cluster_dropped`](crate::observe::Counts::cluster_dropped)) and logged.
    #[cfg_attr(not(feature = "nats"), allow(dead_code, reason = "for NATS"))]
    pub(super) fn dropped(&self, messages: u64) {
        self.0.queue.lock().dropped += messages;
        self.0.arrived.notify_one();
    }

    /// Messages that [`Broker::publish`](super::Broker::publish) took were not sent after all: counted
    /// ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)).
    pub fn unpublished(&self, messages: u64, cause: &dyn fmt::Display) {
        let cause = wire::shorten(cause.to_string());
        self.tell(InboxItem::Unpublished { messages, cause });
    }

    pub(super) fn alone_since(&self) -> Option<Instant> {
        *self.0.alone_since.lock()
    }

    /// Whether a room has a socket of this node, or a client that may come back to it; if the name is empty, whether the
    /// namespace has any.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn has_room(&self, namespace: &str, room: &str) -> bool {
        let local = self.0.local.get().and_then(Weak::upgrade);
        local.is_some_and(|local| local.has_room(namespace, room))
    }

    /// [`has_room`](Self::has_room), or a message that was delivered before may still put a socket into the room: what its sender
    /// emits next to that room may be read before the message is carried out.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn may_have_room(&self, namespace: &str, room: &str) -> bool {
        // Before it looks: at zero, what was carried out is seen.
        self.0.joins.load(Ordering::Acquire) > 0 || self.has_room(namespace, room)
    }

    /// A message that puts sockets into rooms was carried out.
    pub(super) fn joined(&self) {
        self.0.joins.fetch_sub(1, Ordering::Release);
    }

    /// The namespaces that have a socket of this node.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn live_namespaces(&self) -> Vec<Arc<str>> {
        let local = self.0.local.get().and_then(Weak::upgrade);
        local.map_or_else(Vec::new, |local| local.live_namespaces())
    }

    /// The rooms of a namespace that have a socket of this node, those of its sockets' ids included.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn rooms(&self, namespace: &str) -> Vec<Room> {
        let local = self.0.local.get().and_then(Weak::upgrade);
        local.map_or_else(Vec::new, |local| local.rooms(namespace))
    }

    /// From here on, `watcher` is told where this node has sockets.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn watch_occupancy(&self, watcher: Arc<dyn OccupancyWatcher>) {
        if let Some(local) = self.0.local.get().and_then(Weak::upgrade) {
            local.watch_occupancy(watcher);
        }
    }

    /// Queues what the broker says of itself, which is seldom. Beyond the bounds it is left out.
    fn tell(&self, item: InboxItem) {
        let mut queue = self.0.queue.lock();
        if !queue.closed && queue.items.len() < 2 * MAX_MESSAGES {
            queue.items.push_back(item);
        }
        drop(queue);
        self.0.arrived.notify_one();
    }

    fn push(&self, item: InboxItem) -> Result<(), Lagging> {
        let mut queue = self.0.queue.lock();
        if queue.closed {
            return Err(Lagging);
        }
        let bytes = queue.bytes + item.size();
        if queue.messages >= MAX_MESSAGES || (bytes > MAX_BYTES && queue.messages > 0) {
            queue.dropped += 1;
            return Err(Lagging);
        }
        queue.bytes = bytes;
        queue.messages += 1;
        if matches!(&item, InboxItem::Message(message) if message.is_join()) {
            self.0.joins.fetch_add(1, Ordering::Relaxed);
        }
        queue.items.push_back(item);
        drop(queue);
        self.0.arrived.notify_one();
        Ok(())
    }

    /// Another node has joined: requests to all nodes wait for its answer from now on.
    pub fn node_up(&self, node: NodeId) {
        let mut nodes = self.0.nodes.write();
        if node != self.0.node && !nodes.contains(&node) {
            nodes.push(node);
        }
    }

    /// Another node has left: no request waits for it any more. Call it after its last message was delivered.
    pub fn node_down(&self, node: &NodeId) {
        let mut nodes = self.0.nodes.write();
        let known = nodes.len();
        nodes.retain(|known| known != node);
        if nodes.len() == known {
            return;
        }
        drop(nodes);
        let mut queue = self.0.queue.lock();
        let is_down =
            |item: &InboxItem| matches!(item, InboxItem::NodeDown(queued) if queued == node);
        // Once is enough, so that a node that comes and goes does not fill the queue.
        if !queue.closed && !queue.items.iter().any(is_down) {
            queue.items.push_back(InboxItem::NodeDown(node.clone()));
        }
        drop(queue);
        self.0.arrived.notify_one();
    }

    /// The other nodes of the cluster.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.0.nodes.read().clone()
    }

    /// Whether this is the only node, and no server without a name listens.
    pub(super) fn is_alone(&self) -> bool {
        self.0.nodes.read().is_empty() && self.0.unnamed.get().is_none()
    }

    /// From here on servers that have no names are asked too.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn with_unnamed(&self, servers: Arc<dyn UnnamedServers>) {
        // A broker does it once.
        let _ = self.0.unnamed.set(servers);
    }

    /// The servers without names, if there may be some.
    pub(super) fn unnamed(&self) -> Option<&dyn UnnamedServers> {
        self.0.unnamed.get().map(|servers| &**servers)
    }

    /// The next item; `None` once the inbox is closed.
    pub(super) async fn next(&self) -> Option<InboxItem> {
        loop {
            {
                let mut queue = self.0.queue.lock();
                if queue.closed {
                    return None;
                }
                // Reported ahead of the messages that were queued before the drop.
                if queue.dropped > 0 {
                    return Some(InboxItem::Dropped(std::mem::take(&mut queue.dropped)));
                }
                if let Some(item) = queue.items.pop_front() {
                    if item.is_message() {
                        queue.messages -= 1;
                        queue.bytes -= item.size();
                    }
                    return Some(item);
                }
            }
            self.0.arrived.notified().await;
        }
    }

    /// Drops what is queued and refuses everything else; [`next`](Self::next) ends.
    pub(super) fn close(&self) {
        *self.0.queue.lock() = InboxQueue {
            closed: true,
            ..InboxQueue::default()
        };
        self.0.nodes.write().clear();
        self.0.arrived.notify_one();
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("node", &self.0.node)
            .finish_non_exhaustive()
    }
}
