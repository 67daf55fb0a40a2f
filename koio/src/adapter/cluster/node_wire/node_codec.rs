//! The codec of one server.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    super::redis_channel::RedisChannel,
    channels::meanings,
    classic,
    error::NodeWireError,
    message::{NodeIncoming, NodeMessage, NodeOutgoing},
    names::{Names, SubscriptionMode},
    sharded,
};

/// Reads and writes what one server says in a cluster of Node servers. Clones are the same codec.
#[derive(Clone, Debug)]
pub(in crate::adapter::cluster) struct NodeWire {
    names: Arc<Names>,
    dialect: Dialect,
}

#[derive(Clone, Copy, Debug)]
enum Dialect {
    Classic,
    Sharded(SubscriptionMode),
}

impl NodeWire {
    /// For servers with `createAdapter`, whose option `key` is the prefix.
    pub(in crate::adapter::cluster) fn classic(prefix: &str, uid: &str) -> Self {
        Self::new(prefix, uid, Dialect::Classic)
    }

    /// For servers with `createShardedAdapter`, whose option `channelPrefix` is the prefix.
    pub(in crate::adapter::cluster) fn sharded(prefix: &str, uid: &str) -> Self {
        Self::sharded_in(prefix, uid, SubscriptionMode::default())
    }

    /// For servers whose option `subscriptionMode` is another than `dynamic`.
    pub(in crate::adapter::cluster) fn sharded_in(
        prefix: &str,
        uid: &str,
        mode: SubscriptionMode,
    ) -> Self {
        Self::new(prefix, uid, Dialect::Sharded(mode))
    }

    fn new(prefix: &str, uid: &str, dialect: Dialect) -> Self {
        Self {
            names: Arc::new(Names::new(prefix, uid)),
            dialect,
        }
    }

    /// What a server with this namespace subscribes to, in this order: the one that is [counted](Self::counted) comes last,
    /// so that a server is counted when it can answer. It is unsubscribed first.
    pub(in crate::adapter::cluster) fn subscriptions(&self, namespace: &str) -> Vec<RedisChannel> {
        let names = &*self.names;
        let broadcasts = match self.dialect {
            Dialect::Classic => {
                let pattern: String = names.broadcast_pattern(namespace).collect();
                Some(RedisChannel::Pattern(pattern.into()))
            }
            Dialect::Sharded(_) => None,
        };
        let answers = self.answers(namespace);
        let counted = self.counted(namespace);
        broadcasts
            .into_iter()
            .chain(answers)
            .chain([counted])
            .collect()
    }

    /// The channels on which answers to this server come: some of its [`subscriptions`](Self::subscriptions).
    pub(in crate::adapter::cluster) fn answers(&self, namespace: &str) -> Vec<RedisChannel> {
        let names = &*self.names;
        match self.dialect {
            Dialect::Classic => vec![
                RedisChannel::Plain(names.responses(namespace).into()),
                RedisChannel::Plain(names.own_responses(namespace).into()),
            ],
            Dialect::Sharded(_) => {
                let own = names.room_channel(namespace, &names.uid);
                vec![RedisChannel::Shard(own.into())]
            }
        }
    }

    /// The channel whose subscribers are the servers with this namespace.
    pub(in crate::adapter::cluster) fn counted(&self, namespace: &str) -> RedisChannel {
        let names = &*self.names;
        match self.dialect {
            Dialect::Classic => RedisChannel::Plain(names.requests(namespace).into()),
            Dialect::Sharded(_) => RedisChannel::Shard(names.broadcasts(namespace).into()),
        }
    }

    /// The channel that a server subscribes to while a room has members there, if the room has one.
    pub(in crate::adapter::cluster) fn room_subscription(
        &self,
        namespace: &str,
        room: &str,
    ) -> Option<RedisChannel> {
        self.has_channel(room)
            .then(|| RedisChannel::Shard(self.names.room_channel(namespace, room).into()))
    }

    /// Whether there are rooms that have a channel of their own.
    pub(in crate::adapter::cluster) fn has_room_channels(&self) -> bool {
        match self.dialect {
            Dialect::Classic => false,
            Dialect::Sharded(mode) => mode.has_channels(),
        }
    }

    /// Whether a room has a channel of its own.
    pub(in crate::adapter::cluster) fn has_channel(&self, room: &str) -> bool {
        match self.dialect {
            Dialect::Classic => false,
            Dialect::Sharded(mode) => mode.has_channel(room),
        }
    }

    /// The namespaces and rooms whose channel this is, in the sharded form: both may have a `#` in them, so there may be
    /// several. The room is empty for the channel of all servers of a namespace, and this server's uid for its own.
    pub(in crate::adapter::cluster) fn meanings<'a>(
        &self,
        channel: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let rest = self.names.rest(channel, "");
        rest.into_iter().flat_map(meanings)
    }

    /// Whether the pattern by which a broadcast came is the one that is subscribed for its namespace. Those of `/a` and
    /// `/a#b` both fit the channels of `/a#b`, and those of rooms of `/a` that begin with `b`.
    pub(in crate::adapter::cluster) fn is_pattern_of(
        &self,
        namespace: &str,
        pattern: &[u8],
    ) -> bool {
        self.names.is_broadcast_pattern(pattern, namespace)
    }

    /// A channel of koio's own, of the kind that this codec uses: servers of different kinds, which do not hear each other's
    /// events, do not hear each other there either.
    pub(in crate::adapter::cluster) fn channel_of_koio(&self, name: Arc<str>) -> RedisChannel {
        match self.dialect {
            Dialect::Classic => RedisChannel::Plain(name),
            Dialect::Sharded(_) => RedisChannel::Shard(name),
        }
    }

    /// Writes a message for the servers with this namespace. `to`: for an answer, the server that asked.
    ///
    /// Requests have the key `koio` behind the others: a koio that answers has another way to one.
    ///
    /// # Errors
    /// A list that is not JSON; an answer without a receiver, in the sharded form; [`NodeMessage::AllRooms`] and
    /// [`NodeMessage::Rooms`] there, which has neither.
    pub(in crate::adapter::cluster) fn encode(
        &self,
        namespace: &str,
        to: Option<&str>,
        message: &NodeMessage,
    ) -> Result<NodeOutgoing, NodeWireError> {
        let names = &*self.names;
        let (channel, payload) = match self.dialect {
            Dialect::Classic => {
                let (channel, payload) = classic::write(names, namespace, message)?;
                (RedisChannel::Plain(channel.into()), payload)
            }
            Dialect::Sharded(mode) => {
                let (channel, payload) = sharded::write(names, mode, namespace, to, message)?;
                (RedisChannel::Shard(channel.into()), payload)
            }
        };
        Ok(NodeOutgoing { channel, payload })
    }

    /// Reads what has come on a channel. `None`: it is not for this server, which has sent it itself, or does not have the
    /// namespace or the room, or it is of a kind that no version sends any more.
    ///
    /// `room_exists(namespace, room)`: whether this server has sockets in the room; whether it has the namespace, if the room
    /// is empty. It is asked before a broadcast is decoded.
    ///
    /// # Errors
    /// It is no message.
    pub(in crate::adapter::cluster) fn decode(
        &self,
        channel: &[u8],
        payload: Bytes,
        room_exists: &dyn Fn(&str, &str) -> bool,
    ) -> Result<Option<NodeIncoming>, NodeWireError> {
        let Ok(channel) = str::from_utf8(channel) else {
            return Ok(None);
        };
        match self.dialect {
            Dialect::Classic => classic::read(&self.names, channel, payload, room_exists),
            Dialect::Sharded(_) => sharded::read(&self.names, channel, payload, room_exists),
        }
    }
}
