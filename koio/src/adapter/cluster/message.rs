//! The messages between nodes. `codec` encodes them.

use serde::{Deserialize, Serialize};

use super::{
    super::{AckOutcome, NeutralPacket, NoAnswer, SocketView, Target},
    node::NodeId,
};
use crate::{
    ids::{Room, SocketId},
    wire::RawArgs,
};

/// A message and the node that sent it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ClusterEnvelope {
    pub(super) from: NodeId,
    pub(super) message: ClusterMessage,
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
pub(super) enum ClusterMessage {
    Broadcast {
        to: Address,
        volatile: bool,
        #[serde(skip)]
        packet: NeutralPacket,
    },
    Join {
        to: Address,
        room: Room,
    },
    Leave {
        to: Address,
        room: Room,
    },
    Disconnect {
        to: Address,
    },
    /// Answered by `Fetched`.
    Fetch {
        request: u64,
        to: Address,
    },
    Fetched {
        request: u64,
        sockets: Vec<SocketView>,
    },
    /// Answered by one `Asked`, and then by an `Answered` for each socket in it.
    Ask {
        request: u64,
        to: Address,
        /// Milliseconds.
        wait: u64,
        #[serde(skip)]
        packet: NeutralPacket,
    },
    Asked {
        request: u64,
        sockets: Vec<SocketId>,
    },
    /// Ends an `Ask` of the same node, which no longer waits for the answers.
    GiveUp {
        request: u64,
    },
    Answered {
        request: u64,
        socket: SocketId,
        /// `None`: the answer is in `args`.
        failure: Option<NoAnswer>,
        #[serde(skip)]
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
    /// The outcome of one socket, for the node that asked.
    pub(super) fn answered(request: u64, (socket, outcome): AckOutcome) -> Self {
        let (failure, args) = match outcome {
            Ok(args) => (
                None,
                NeutralPacket {
                    list: [b"[", args.json(), b"]"].concat().into(),
                    attachments: args.attachments().to_vec(),
                },
            ),
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
            Self::Broadcast { packet, .. } | Self::Ask { packet, .. } => Some(packet),
            Self::Answered { failure, args, .. } => failure.is_none().then_some(args),
            _ => None,
        }
    }

    /// [`packet`](Self::packet), for the codec to fill in.
    pub(super) fn packet_mut(&mut self) -> Option<&mut NeutralPacket> {
        match self {
            Self::Broadcast { packet, .. } | Self::Ask { packet, .. } => Some(packet),
            Self::Answered { failure, args, .. } => failure.is_none().then_some(args),
            _ => None,
        }
    }
}

/// The arguments of an answer.
pub(super) fn answer(args: NeutralPacket) -> Option<RawArgs> {
    RawArgs::from_list(args.list, args.attachments).ok()
}
