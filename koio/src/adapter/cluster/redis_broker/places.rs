//! Where a node has sockets, and what it subscribes for that.
//!
//! A place is a namespace, or a room of one. Namespaces that are declared by their names are subscribed from the start on.
//! Those of a pattern are subscribed while they have sockets here, and so are the rooms that have a channel of their own.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::{
    super::OccupancyWatcher, inbox::Inbox, node_wire::NodeWire, redis::RedisConnection,
    redis_channel::RedisChannel,
};

/// The most places that are kept until they are looked at. If more have changed, all are looked at.
const MAX_CHANGED: usize = 65_536;

/// The places of one node.
pub(super) struct Places {
    inbox: Inbox,
    wire: NodeWire,
    /// The prefix of all channels.
    prefix: String,
    changed: Mutex<ChangedPlaces>,
    /// There are changed places, or this node has left.
    wake: Notify,
    /// The namespaces that are subscribed since they have sockets.
    subscribed: Mutex<HashSet<Arc<str>>>,
}

/// The places that have changed since they were looked at. Where two threads make and empty the same room, what they say
/// may come in any order. So it is kept that there was a change, and one task looks how the place is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChangedPlaces {
    These(HashSet<Place>),
    /// Too many to keep them, or nobody knows.
    All,
    /// The node has left.
    Closed,
}

impl Default for ChangedPlaces {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

/// A namespace, or a room of one.
type Place = (Arc<str>, Option<Box<str>>);

/// What is to be subscribed, and what no longer.
#[derive(Debug, Default)]
struct Wishes {
    wanted: Vec<RedisChannel>,
    unwanted: Vec<RedisChannel>,
}

impl Places {
    pub(super) fn new(inbox: Inbox, wire: NodeWire, prefix: String) -> Arc<Self> {
        Arc::new(Self {
            inbox,
            wire,
            prefix,
            changed: Mutex::new(ChangedPlaces::All),
            wake: Notify::new(),
            subscribed: Mutex::default(),
        })
    }

    /// Whether a namespace is declared by its name.
    pub(super) fn is_declared(&self, namespace: &str) -> bool {
        self.inbox.namespaces().any(|name| name == namespace)
    }

    /// A channel on which nothing is published, which each node of koio's with a namespace subscribes.
    pub(super) fn marker(&self, namespace: &str) -> RedisChannel {
        let name = format!("{}-koio-node#{namespace}#", self.prefix);
        self.wire.channel_of_koio(name.into())
    }

    /// What a node with a namespace subscribes, in this order.
    pub(super) fn subscriptions(&self, namespace: &str) -> Vec<RedisChannel> {
        let mut channels = self.wire.subscriptions(namespace);
        // Right before the channel on which Node counts, which comes last.
        let marker = channels.len().saturating_sub(1);
        channels.insert(marker, self.marker(namespace));
        channels
    }

    /// The channels by which this node is counted, in the order in which it unsubscribes them when it leaves.
    pub(super) fn counted(&self) -> Vec<RedisChannel> {
        let declared = self.inbox.namespaces().map(Arc::from);
        let subscribed = self.subscribed.lock();
        let namespaces: Vec<Arc<str>> = declared.chain(subscribed.iter().cloned()).collect();
        drop(subscribed);
        let counted = namespaces
            .iter()
            .map(|namespace| [self.wire.counted(namespace), self.marker(namespace)]);
        counted.flatten().collect()
    }

    /// Subscribes what has changed, until the node leaves or `connection` says that there is none.
    pub(super) async fn follow(&self, connection: impl Fn() -> Option<RedisConnection>) {
        while let Some(changed) = self.next().await {
            let Some(connection) = connection() else {
                return;
            };
            self.look(changed, &connection);
        }
    }

    /// The places that have changed; `None` once the node has left.
    async fn next(&self) -> Option<ChangedPlaces> {
        loop {
            match self.take() {
                ChangedPlaces::Closed => return None,
                ChangedPlaces::These(places) if places.is_empty() => self.wake.notified().await,
                changed => return Some(changed),
            }
        }
    }

    fn take(&self) -> ChangedPlaces {
        let mut changed = self.changed.lock();
        match &*changed {
            ChangedPlaces::Closed => ChangedPlaces::Closed,
            _ => std::mem::take(&mut *changed),
        }
    }

    /// The node has left.
    pub(super) fn close(&self) {
        *self.changed.lock() = ChangedPlaces::Closed;
        self.wake.notify_one();
    }

    fn look(&self, changed: ChangedPlaces, connection: &RedisConnection) {
        let mut wishes = Wishes::default();
        match changed {
            ChangedPlaces::These(places) => {
                for (namespace, room) in places {
                    match room {
                        Some(room) => self.look_at_room(&namespace, &room, &mut wishes),
                        None => self.look_at_namespace(&namespace, &mut wishes),
                    }
                }
            }
            ChangedPlaces::All => self.look_everywhere(connection, &mut wishes),
            ChangedPlaces::Closed => {}
        }
        if !wishes.wanted.is_empty() {
            connection.subscribe(wishes.wanted);
        }
        if !wishes.unwanted.is_empty() {
            connection.unsubscribe(wishes.unwanted);
        }
    }

    fn look_everywhere(&self, connection: &RedisConnection, wishes: &mut Wishes) {
        let known: Vec<_> = self.subscribed.lock().iter().cloned().collect();
        let live = self.inbox.live_namespaces();
        for namespace in known.iter().chain(&live) {
            self.look_at_namespace(namespace, wishes);
        }
        if !self.wire.has_room_channels() {
            return;
        }
        for namespace in &live {
            for room in self.inbox.rooms(namespace) {
                self.look_at_room(namespace, room.as_str(), wishes);
            }
        }
        for channel in connection.subscriptions() {
            if let RedisChannel::Shard(name) = &channel
                && self.wire.meanings(name).next().is_some()
                && !self.is_wanted(name)
            {
                wishes.unwanted.push(channel);
            }
        }
    }

    fn look_at_room(&self, namespace: &str, room: &str, wishes: &mut Wishes) {
        if let Some(channel) = self.wire.room_subscription(namespace, room) {
            let has_members = self.inbox.has_room(namespace, room);
            self.wish(channel, has_members, wishes);
        }
    }

    fn look_at_namespace(&self, namespace: &Arc<str>, wishes: &mut Wishes) {
        if self.is_declared(namespace) {
            return;
        }
        let mut channels = self.subscriptions(namespace);
        let is_live = self.inbox.has_room(namespace, "");
        if is_live {
            self.subscribed.lock().insert(Arc::clone(namespace));
        } else {
            self.subscribed.lock().remove(namespace);
            // It is not counted any more before it can't answer.
            channels.reverse();
        }
        for channel in channels {
            self.wish(channel, is_live, wishes);
        }
    }

    fn wish(&self, channel: RedisChannel, is_wanted: bool, wishes: &mut Wishes) {
        // Another place may have the same channel.
        let is_wanted =
            is_wanted || matches!(&channel, RedisChannel::Shard(name) if self.is_wanted(name));
        match is_wanted {
            true => wishes.wanted.push(channel),
            false => wishes.unwanted.push(channel),
        }
    }

    /// Whether one of the places whose channel this is has sockets here, or is declared.
    fn is_wanted(&self, channel: &str) -> bool {
        let own = self.inbox.node().as_str();
        self.wire.meanings(channel).any(|(namespace, room)| {
            let of_namespace = (room.is_empty() || room == own)
                && (self.is_declared(namespace) || self.inbox.has_room(namespace, ""));
            of_namespace
                || !room.is_empty()
                    && self.wire.has_channel(room)
                    && self.inbox.has_room(namespace, room)
        })
    }
}

impl OccupancyWatcher for Places {
    fn watches_rooms(&self) -> bool {
        self.wire.has_room_channels()
    }

    fn changed(&self, namespace: &Arc<str>, room: Option<&str>) {
        let is_of_interest = match room {
            Some(room) => self.wire.has_channel(room),
            None => !self.is_declared(namespace),
        };
        if !is_of_interest {
            return;
        }
        let mut changed = self.changed.lock();
        match &mut *changed {
            ChangedPlaces::These(places) if places.len() < MAX_CHANGED => {
                places.insert((Arc::clone(namespace), room.map(Box::from)));
            }
            ChangedPlaces::These(_) => *changed = ChangedPlaces::All,
            ChangedPlaces::All | ChangedPlaces::Closed => {}
        }
        drop(changed);
        self.wake.notify_one();
    }
}
