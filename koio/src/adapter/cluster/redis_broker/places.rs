//! Where a node has sockets, and what it subscribes for that.
//!
//! A place is a namespace, or a room of one. Namespaces that are declared by their names are subscribed from the start on.
//! Those of a pattern are subscribed while they have sockets here, and so are the rooms that have a channel of their own. A
//! namespace of a pattern without sockets here may be asked all the same: only the answers are subscribed then, so that
//! no server waits for one of this node.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::super::{
    super::OccupancyWatcher, inbox::Inbox, node_wire::NodeWire, redis::RedisConnection,
    redis_channel::RedisChannel,
};

/// The most places that are kept until they are looked at. If more have changed, all are looked at.
const MAX_CHANGED: usize = 65_536;

/// The most namespaces without sockets here that are asked at once. In further ones, answers of servers of Node are missed.
const MAX_ASKED: usize = 4_096;

/// The places of one node.
pub(super) struct Places {
    inbox: Inbox,
    wire: NodeWire,
    /// The prefix of all channels.
    prefix: String,
    changed: Mutex<ChangedPlaces>,
    /// There are changed places, or this node has left.
    wake: Notify,
    /// Held by [`look_now`](Self::look_now).
    looking: Mutex<()>,
    /// Locked while their channels are subscribed and unsubscribed, so that this is done in the order of what it says.
    patterned: Mutex<PatternedNamespaces>,
}

/// What is subscribed of namespaces that are not declared by their names.
#[derive(Debug, Default)]
struct PatternedNamespaces {
    /// The namespaces that have sockets.
    live: HashSet<Arc<str>>,
    /// The namespaces that this node has asked, and until when answers may come.
    asked: HashMap<Arc<str>, Instant>,
}

/// The places that have changed since they were looked at. Where two threads make and empty the same room, what they say
/// may come in any order. So it is kept that there was a change, and one task looks how the place is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChangedPlaces {
    These(HashSet<ChangedPlace>),
    /// Too many to keep them; or the node has just joined, and every place counts as changed.
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
type ChangedPlace = (Arc<str>, Option<Box<str>>);

/// The channels of rooms that are to be subscribed, and no longer.
#[derive(Debug, Default)]
struct RoomChannels {
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
            looking: Mutex::default(),
            patterned: Mutex::default(),
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
        let patterned = self.patterned.lock();
        let live = patterned.live.iter().cloned();
        let namespaces: Vec<Arc<str>> = declared.chain(live).collect();
        drop(patterned);
        let counted = namespaces
            .iter()
            .map(|namespace| [self.wire.counted(namespace), self.marker(namespace)]);
        counted.flatten().collect()
    }

    /// Subscribes what has changed, until the node leaves or `connection` says that there is none.
    pub(super) async fn follow(&self, connection: impl Fn() -> Option<RedisConnection>) {
        while self.has_changed().await {
            let Some(connection) = connection() else {
                return;
            };
            self.look_now(&connection);
        }
    }

    /// Looks at all places that have changed until now.
    pub(super) fn look_now(&self, connection: &RedisConnection) {
        // Behind a look that has taken changes and is not done with them.
        let looking = self.looking.lock();
        let changed = self.take();
        self.look(changed, connection);
        drop(looking);
    }

    /// Waits until places have changed. `false` once the node has left.
    async fn has_changed(&self) -> bool {
        loop {
            match &*self.changed.lock() {
                ChangedPlaces::Closed => return false,
                ChangedPlaces::These(places) if places.is_empty() => {}
                _ => return true,
            }
            self.wake.notified().await;
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
        let mut rooms = RoomChannels::default();
        match changed {
            ChangedPlaces::These(places) => {
                for (namespace, room) in places {
                    match room {
                        Some(room) => self.look_at_room(&namespace, &room, &mut rooms),
                        None => self.look_at_namespace(&namespace, connection),
                    }
                }
            }
            ChangedPlaces::All => self.look_everywhere(connection, &mut rooms),
            ChangedPlaces::Closed => {}
        }
        if !rooms.wanted.is_empty() {
            connection.subscribe(rooms.wanted);
        }
        if !rooms.unwanted.is_empty() {
            connection.unsubscribe(rooms.unwanted);
        }
    }

    fn look_everywhere(&self, connection: &RedisConnection, rooms: &mut RoomChannels) {
        let known: Vec<_> = self.patterned.lock().live.iter().cloned().collect();
        let live = self.inbox.live_namespaces();
        for namespace in known.iter().chain(&live) {
            self.look_at_namespace(namespace, connection);
        }
        if !self.wire.has_room_channels() {
            return;
        }
        for namespace in &live {
            for room in self.inbox.rooms(namespace) {
                self.look_at_room(namespace, room.as_str(), rooms);
            }
        }
        let own = self.inbox.node().as_str();
        for channel in connection.subscriptions() {
            // On those of this node's name come answers, also in a namespace that is only asked: `look_at_namespace` unsubscribes them.
            if let RedisChannel::Shard(name) = &channel
                && self.wire.meanings(name).next().is_some()
                && self.wire.meanings(name).all(|(_, room)| room != own)
                && !self.is_wanted(&channel)
            {
                rooms.unwanted.push(channel);
            }
        }
    }

    fn look_at_room(&self, namespace: &str, room: &str, rooms: &mut RoomChannels) {
        if let Some(channel) = self.wire.room_subscription(namespace, room) {
            // By this room, or by another place that has the same channel.
            match self.is_wanted(&channel) {
                true => rooms.wanted.push(channel),
                false => rooms.unwanted.push(channel),
            }
        }
    }

    fn look_at_namespace(&self, namespace: &Arc<str>, connection: &RedisConnection) {
        if self.is_declared(namespace) {
            return;
        }
        let mut patterned = self.patterned.lock();
        let channels = self.subscriptions(namespace);
        if self.inbox.has_room(namespace, "") {
            patterned.live.insert(Arc::clone(namespace));
            connection.subscribe(channels);
            return;
        }
        patterned.live.remove(namespace);
        let kept = match patterned.asked.contains_key(namespace) {
            true => self.wire.answers(namespace),
            false => Vec::new(),
        };
        // It is not counted any more before it can't answer.
        let channels = channels.into_iter().rev();
        let left = channels.filter(|channel| !kept.contains(channel) && !self.is_wanted(channel));
        connection.unsubscribe(left.collect::<Vec<_>>());
    }

    /// This node is about to ask the servers of a namespace, and their answers may come for so long. They are heard when the
    /// subscriptions of the connection are confirmed.
    pub(super) fn ask(&self, namespace: &Arc<str>, wait: Duration, connection: &RedisConnection) {
        if self.is_declared(namespace) {
            return;
        }
        let now = Instant::now();
        let until = now.checked_add(wait).unwrap_or(now);
        let mut patterned = self.patterned.lock();
        let asked = &mut patterned.asked;
        if asked.len() >= MAX_ASKED && !asked.contains_key(namespace) {
            return;
        }
        let longest = asked.entry(Arc::clone(namespace)).or_insert(until);
        *longest = until.max(*longest);
        connection.subscribe(self.wire.answers(namespace));
    }

    /// Has the namespaces looked at whose answers this node does not wait for any more.
    pub(super) fn sweep(&self, now: Instant) {
        let mut patterned = self.patterned.lock();
        let late = patterned.asked.extract_if(|_, until| *until <= now);
        let late: Vec<_> = late.map(|(namespace, _)| namespace).collect();
        drop(patterned);
        for namespace in late {
            self.changed(&namespace, None);
        }
    }

    /// Whether one of the places whose channel this is, in the sharded form, has sockets here, or is declared. (That it is asked,
    /// too, `look_at_namespace` knows.)
    fn is_wanted(&self, channel: &RedisChannel) -> bool {
        let RedisChannel::Shard(channel) = channel else {
            return false;
        };
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

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
