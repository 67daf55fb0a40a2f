//! The names that a server and its channels have; `channels` says how they are made.

use crate::{ids::Room, wire::Packer};

/// Which rooms have a channel of their own, in the sharded form. All servers of a cluster must use the same mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::adapter::cluster) enum SubscriptionMode {
    /// Those that are not named like a socket.
    #[default]
    Dynamic,
    /// None.
    Static,
    /// All.
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
