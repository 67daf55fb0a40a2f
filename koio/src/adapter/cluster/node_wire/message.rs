//! What servers say to each other, whichever adapter says it.

use std::sync::Arc;

use bytes::Bytes;

use super::super::redis_channel::RedisChannel;
use crate::{
    adapter::{HandshakeView, NeutralPacket},
    ids::Room,
};

/// A message of one server to others.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::adapter::cluster) enum NodeMessage {
    Broadcast {
        opts: NodeOpts,
        packet: NeutralPacket,
    },
    /// Puts the sockets that are meant into rooms.
    Join {
        opts: NodeOpts,
        rooms: Vec<Room>,
    },
    Leave {
        opts: NodeOpts,
        rooms: Vec<Room>,
    },
    Disconnect {
        opts: NodeOpts,
        /// Whether their connections end too.
        close: bool,
    },
    /// Answered by `Fetched`.
    Fetch {
        request: String,
        opts: NodeOpts,
    },
    Fetched {
        request: String,
        sockets: Vec<NodeSocket>,
    },
    /// Answered by `Rooms`. Only the classic adapter asks.
    AllRooms {
        request: String,
    },
    Rooms {
        request: String,
        rooms: Vec<Room>,
    },
    /// An event for the servers themselves. With a request it is answered by `ServerAnswer`.
    ServerEmit {
        request: Option<String>,
        packet: NeutralPacket,
    },
    /// The list holds one argument, or none.
    ServerAnswer {
        request: String,
        packet: NeutralPacket,
    },
    /// A broadcast that is answered by one `ClientCount`, and a `ClientAck` of each client that answers.
    Ask {
        request: String,
        opts: NodeOpts,
        packet: NeutralPacket,
    },
    ClientCount {
        request: String,
        clients: usize,
    },
    /// The list holds one argument, or none: Node passes on the first.
    ClientAck {
        request: String,
        packet: NeutralPacket,
    },
}

/// Whom a message is for, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::adapter::cluster) struct NodeOpts {
    /// All sockets if there are none.
    pub(in crate::adapter::cluster) rooms: Vec<Room>,
    pub(in crate::adapter::cluster) except: Vec<Room>,
    pub(in crate::adapter::cluster) volatile: bool,
    /// `compress` is false.
    pub(in crate::adapter::cluster) uncompressed: bool,
    /// How many milliseconds clients have to answer.
    pub(in crate::adapter::cluster) timeout: Option<u64>,
    /// One socket is asked, and its answer is not put into a list.
    pub(in crate::adapter::cluster) expect_single_response: bool,
    /// It is for servers of Node only: koio's have heard the same in koio's words.
    pub(in crate::adapter::cluster) only_for_node: bool,
}

/// One socket of a server.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::adapter::cluster) struct NodeSocket {
    pub(in crate::adapter::cluster) id: String,
    /// With the room of its own id.
    pub(in crate::adapter::cluster) rooms: Vec<Room>,
    pub(in crate::adapter::cluster) handshake: HandshakeView,
    /// JSON text.
    pub(in crate::adapter::cluster) data: Option<String>,
}

/// A message that has come.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::adapter::cluster) struct NodeIncoming {
    pub(in crate::adapter::cluster) namespace: Arc<str>,
    /// Who sent it. Requests of emitters and answers of the classic adapter don't say it.
    pub(in crate::adapter::cluster) uid: Option<Box<str>>,
    /// Whether another koio sent it.
    pub(in crate::adapter::cluster) is_koio: bool,
    pub(in crate::adapter::cluster) message: NodeMessage,
}

/// A message for Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapter::cluster) struct NodeOutgoing {
    pub(in crate::adapter::cluster) channel: RedisChannel,
    pub(in crate::adapter::cluster) payload: Bytes,
}
