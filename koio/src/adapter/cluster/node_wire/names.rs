//! The names that a server and its channels have; `channels` says how they are made.

use super::channels::escaped;
use crate::{ids::Room, wire::Packer};

/// Which rooms have a channel of their own in a cluster with [sharded](super::super::Redis::sharded) publishing: the
/// `subscriptionMode` of Node's `createShardedAdapter`.
///
/// An event for one such room alone reaches the servers that have sockets in it, and no others. Everything else reaches all
/// servers with the namespace. All servers of a cluster must use the same mode: what one publishes on the channel of a
/// room, one of another mode does not hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionMode {
    /// Node's `dynamic`, the default: every room but those of sockets' own ids. (What counts is the length of the name, as in
    /// Node: one of 20 characters has no channel.)
    #[default]
    Dynamic,
    /// Node's `static`: no room. Three subscriptions for each namespace, and each server gets every event of it.
    Static,
    /// Node's `dynamic-private`: every room, those of sockets' own ids among them, so that there is a subscription for each
    /// socket. For many private messages between many servers.
    DynamicPrivate,
}

/// The names that a server and its channels have.
#[derive(Debug)]
pub(super) struct Names {
    /// `P`
    prefix: String,
    pub(super) uid: String,
    /// What each broadcast of this server begins with, in the classic form.
    pub(super) own_broadcast: Vec<u8>,
}

impl SubscriptionMode {
    /// Whether any room has.
    pub(super) fn has_channels(self) -> bool {
        self != Self::Static
    }

    pub(super) fn has_channel(self, room: &str) -> bool {
        /// Of a socket's id, in JavaScript's units.
        const ID: usize = 20;
        match self {
            Self::Dynamic => room.encode_utf16().count() != ID,
            Self::Static => false,
            Self::DynamicPrivate => true,
        }
    }
}

impl Names {
    pub(super) fn new(prefix: &str, uid: &str) -> Self {
        let mut begin = Packer::with_capacity(uid.len() + 8);
        begin.list(3);
        begin.string(uid);
        Self {
            prefix: prefix.to_owned(),
            uid: uid.to_owned(),
            own_broadcast: begin.finish(),
        }
    }

    pub(super) fn broadcasts(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.prefix)
    }

    /// Matches `P#N#`, and the channel of each room.
    pub(super) fn broadcast_pattern<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = char> + 'a {
        let parts = [&*self.prefix, "#", namespace, "#"];
        parts.into_iter().flat_map(escaped).chain(['*'])
    }

    pub(super) fn is_broadcast_pattern(&self, pattern: &[u8], namespace: &str) -> bool {
        // What most names are: nothing in them is escaped.
        let rest = pattern
            .strip_prefix(self.prefix.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"#"))
            .and_then(|rest| rest.strip_prefix(namespace.as_bytes()));
        if rest == Some(b"#*") {
            return true;
        }
        let pattern = str::from_utf8(pattern).unwrap_or_default();
        pattern.chars().eq(self.broadcast_pattern(namespace))
    }

    /// Also a server's own channel, in the sharded form.
    pub(super) fn room_channel(&self, namespace: &str, room: &str) -> String {
        format!("{}#{namespace}#{room}#", self.prefix)
    }

    /// The channel of a broadcast to these rooms. Only one room alone has its own.
    pub(super) fn broadcast_channel(&self, namespace: &str, rooms: &[Room]) -> String {
        match rooms {
            [room] => self.room_channel(namespace, room.as_str()),
            _ => self.broadcasts(namespace),
        }
    }

    pub(super) fn requests(&self, namespace: &str) -> String {
        format!("{}-request#{namespace}#", self.prefix)
    }

    pub(super) fn responses(&self, namespace: &str) -> String {
        format!("{}-response#{namespace}#", self.prefix)
    }

    pub(super) fn own_responses(&self, namespace: &str) -> String {
        format!("{}-response#{namespace}#{}#", self.prefix, self.uid)
    }

    /// What a channel says behind `P`, this word and `#`, and in front of the last `#`.
    pub(super) fn rest<'a>(&self, channel: &'a str, word: &str) -> Option<&'a str> {
        let rest = channel.strip_prefix(&*self.prefix)?.strip_prefix(word)?;
        rest.strip_prefix('#')?.strip_suffix('#')
    }
}
