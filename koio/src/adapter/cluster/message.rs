//! The messages between nodes. `codec` encodes them.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    super::{AckOutcome, NeutralPacket, NoAnswer, ServerFailure, SocketView, Target},
    node::NodeId,
    request_id::RequestId,
};
use crate::{
    ids::{Room, SocketId},
    wire::RawArgs,
};

/// What a message holds beside its packet: an estimate, for the bounds of queues.
const OVERHEAD: usize = 256;

/// A message of one node to others, as a [`Broker`](super::Broker) carries it.
///
/// A broker that no other program listens to carries the bytes that [`encode`](Self::encode) makes, and gives what
/// [`decode`](Self::decode) makes of them to the [`Inbox`](super::Inbox) of each node. The bytes begin with a version: nodes of
/// another version of koio count the message as malformed.
#[derive(Clone)]
pub struct ClusterMessage {
    pub(super) from: NodeId,
    pub(super) body: MessageBody,
    /// Bytes that it holds.
    size: usize,
}

/// Whom a message is for. `namespace` may be a pattern: then all namespaces of the node that it matches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) namespace: String,
    pub(super) rooms: Vec<Room>,
    pub(super) except: Vec<Room>,
}

/// A request of one node to others, or the answer to one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum MessageBody {
    Broadcast {
        to: Address,
        volatile: bool,
        #[serde(skip)]
        packet: NeutralPacket,
    },
    Join {
        to: Address,
        rooms: Vec<Room>,
    },
    Leave {
        to: Address,
        rooms: Vec<Room>,
    },
    Disconnect {
        to: Address,
        /// Other namespaces of the client too.
        all: bool,
    },
    /// Answered by `Fetched`.
    Fetch {
        request: RequestId,
        to: Address,
    },
    Fetched {
        request: RequestId,
        sockets: Vec<SocketView>,
    },
    /// Answered by one `Asked`, and then by an `Answered` for each socket in it.
    Ask {
        request: RequestId,
        to: Address,
        /// Milliseconds.
        wait: u64,
        #[serde(skip)]
        packet: NeutralPacket,
    },
    Asked {
        request: RequestId,
        sockets: Vec<SocketId>,
    },
    /// Ends an `Ask` of the same node, which no longer waits for the answers.
    GiveUp {
        request: RequestId,
    },
    Answered {
        request: RequestId,
        socket: SocketId,
        /// `None`: the answer is in `args`.
        failure: Option<NoAnswer>,
        #[serde(skip)]
        args: NeutralPacket,
    },
    /// An event for the handlers of other servers. With a request it is answered by `ServerAnswered`.
    ServerEvent {
        request: Option<RequestId>,
        namespace: String,
        /// The name of the event comes first.
        #[serde(skip)]
        packet: NeutralPacket,
    },
    ServerAnswered {
        request: RequestId,
        /// `None`: the answer is in `args`.
        failure: Option<ServerFailure>,
        #[serde(skip)]
        args: NeutralPacket,
    },
    /// In place of `ServerAnswered`: the node takes no further event, since it leaves the cluster.
    ServerLeaves {
        request: RequestId,
    },
    /// Answered by `Rooms`. No node of koio's sends it.
    #[serde(skip)]
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    AllRooms {
        request: RequestId,
        namespace: String,
    },
    /// The rooms of this node, those of its sockets' ids included.
    #[serde(skip)]
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    Rooms {
        request: RequestId,
        rooms: Vec<Room>,
    },
    /// The answer of a server without a name to `Ask`: how many clients it has asked. No node of koio's sends it.
    #[serde(skip)]
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    ClientsAsked {
        request: RequestId,
        clients: usize,
    },
    /// The answer of one client of `ClientsAsked`. Which client it is stands nowhere.
    #[serde(skip)]
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    ClientAnswered {
        request: RequestId,
        args: NeutralPacket,
    },
}

impl Address {
    pub(super) fn new(namespace: &str, target: &Target) -> Self {
        Self {
            namespace: namespace.to_owned(),
            rooms: target.rooms.clone(),
            except: target.except.clone(),
        }
    }

    /// The namespace and the target in it.
    pub(super) fn into_target(self) -> (String, Target) {
        let Self {
            namespace,
            rooms,
            except,
        } = self;
        (namespace, Target { rooms, except })
    }
}

impl ClusterMessage {
    pub(super) fn new(from: NodeId, body: MessageBody) -> Self {
        let size = body.packet().map_or(0, |packet| {
            let attachments: usize = packet.attachments.iter().map(Bytes::len).sum();
            packet.list.len() + attachments
        });
        Self {
            from,
            body,
            size: OVERHEAD + size,
        }
    }

    /// A message that arrived in so many bytes.
    pub(super) fn received(from: NodeId, body: MessageBody, bytes: usize) -> Self {
        Self {
            from,
            body,
            size: bytes,
        }
    }

    /// The node that sent it.
    #[must_use]
    pub fn from(&self) -> &NodeId {
        &self.from
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Whether it puts sockets into rooms.
    pub(super) fn is_join(&self) -> bool {
        matches!(self.body, MessageBody::Join { .. })
    }
}

impl fmt::Debug for ClusterMessage {
    /// Without what it says, which is the program's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("from", &self.from)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl MessageBody {
    /// The outcome of one socket, for the node that asked.
    pub(super) fn answered(request: RequestId, (socket, outcome): AckOutcome) -> Self {
        let (failure, args) = match outcome {
            Ok(args) => (None, packet_of(&args)),
            Err(failure) => (Some(failure), NeutralPacket::default()),
        };
        Self::Answered {
            request,
            socket,
            failure,
            args,
        }
    }

    /// The list and the attachments of the event or the answer in it. The codec copies them, beside the JSON of the
    /// message.
    pub(super) fn packet(&self) -> Option<&NeutralPacket> {
        match self {
            Self::Broadcast { packet, .. }
            | Self::Ask { packet, .. }
            | Self::ServerEvent { packet, .. } => Some(packet),
            Self::Answered { failure, args, .. } => failure.is_none().then_some(args),
            Self::ServerAnswered { failure, args, .. } => failure.is_none().then_some(args),
            _ => None,
        }
    }

    /// [`packet`](Self::packet), for the codec to fill in.
    pub(super) fn packet_mut(&mut self) -> Option<&mut NeutralPacket> {
        match self {
            Self::Broadcast { packet, .. }
            | Self::Ask { packet, .. }
            | Self::ServerEvent { packet, .. } => Some(packet),
            Self::Answered { failure, args, .. } => failure.is_none().then_some(args),
            Self::ServerAnswered { failure, args, .. } => failure.is_none().then_some(args),
            _ => None,
        }
    }
}

/// The arguments of an answer, to be sent.
fn packet_of(args: &RawArgs) -> NeutralPacket {
    NeutralPacket {
        list: [b"[", args.json(), b"]"].concat().into(),
        attachments: args.attachments().to_vec(),
        uncompressed: false,
    }
}

/// The arguments of an answer.
pub(super) fn answer(args: NeutralPacket) -> Option<RawArgs> {
    RawArgs::from_list(args.list, args.attachments).ok()
}
