//! The cluster's messages in the words of Node's adapters.

use bytes::Bytes;

use super::super::{
    super::{NeutralPacket, ServerFailure, SocketView},
    message::{Address, MessageBody},
    node_wire::{NodeMessage, NodeOpts, NodeSocket},
};
use crate::ids::Room;

/// A message to the servers of a namespace, and the namespace. `None`: Node has no words for it, or it is an answer.
///
/// `only_for_node`: koio's nodes hear it in koio's words.
pub(super) fn message(body: &MessageBody, only_for_node: bool) -> Option<(&str, NodeMessage)> {
    let opts = |to: &Address| NodeOpts {
        only_for_node,
        ..opts(to)
    };
    let (to, message) = match body {
        MessageBody::Broadcast {
            to,
            volatile,
            packet,
        } => (
            to,
            NodeMessage::Broadcast {
                opts: NodeOpts {
                    volatile: *volatile,
                    uncompressed: packet.uncompressed,
                    ..opts(to)
                },
                packet: packet.clone(),
            },
        ),
        MessageBody::Join { to, rooms } => (
            to,
            NodeMessage::Join {
                opts: opts(to),
                rooms: rooms.clone(),
            },
        ),
        MessageBody::Leave { to, rooms } => (
            to,
            NodeMessage::Leave {
                opts: opts(to),
                rooms: rooms.clone(),
            },
        ),
        MessageBody::Disconnect { to, all } => (
            to,
            NodeMessage::Disconnect {
                opts: opts(to),
                close: *all,
            },
        ),
        MessageBody::Fetch { request, to } => (
            to,
            NodeMessage::Fetch {
                request: request.as_str().to_owned(),
                opts: opts(to),
            },
        ),
        MessageBody::Ask {
            request,
            to,
            wait,
            packet,
        } => (
            to,
            NodeMessage::Ask {
                request: request.as_str().to_owned(),
                opts: NodeOpts {
                    timeout: Some(*wait),
                    uncompressed: packet.uncompressed,
                    ..opts(to)
                },
                packet: packet.clone(),
            },
        ),
        MessageBody::ServerEvent {
            request,
            namespace,
            packet,
        } => {
            let words = NodeMessage::ServerEmit {
                request: request.as_ref().map(|id| id.as_str().to_owned()),
                packet: packet.clone(),
            };
            return Some((namespace, words));
        }
        _ => return None,
    };
    Some((&to.namespace, message))
}

/// The answer to a request of a Node server. `None`: Node has no words for it, as for a client that does not answer.
pub(super) fn answer(body: &MessageBody) -> Option<NodeMessage> {
    Some(match body {
        MessageBody::Fetched { request, sockets } => NodeMessage::Fetched {
            request: request.as_str().to_owned(),
            sockets: sockets.iter().map(socket).collect(),
        },
        MessageBody::Rooms { request, rooms } => NodeMessage::Rooms {
            request: request.as_str().to_owned(),
            rooms: rooms.clone(),
        },
        MessageBody::Asked { request, sockets } => NodeMessage::ClientCount {
            request: request.as_str().to_owned(),
            clients: sockets.len(),
        },
        MessageBody::Answered {
            request,
            failure: None,
            args,
            ..
        } => NodeMessage::ClientAck {
            request: request.as_str().to_owned(),
            packet: NeutralPacket::clone(args),
        },
        MessageBody::ServerAnswered {
            request,
            failure,
            args,
        } => NodeMessage::ServerAnswer {
            request: request.as_str().to_owned(),
            packet: match failure {
                None => NeutralPacket::clone(args),
                Some(ServerFailure::NoHandler) => no_value(),
                Some(_) => return None,
            },
        },
        MessageBody::ServerLeaves { request } => NodeMessage::ServerAnswer {
            request: request.as_str().to_owned(),
            packet: no_value(),
        },
        _ => return None,
    })
}

/// The answer of a server that has no handler, or starts none any more. Node counts it all the same: without its answer every
/// such emit would wait for its timeout, and the answers of the others would come as an error.
fn no_value() -> NeutralPacket {
    NeutralPacket {
        list: Bytes::from_static(b"[]"),
        attachments: Vec::new(),
        uncompressed: false,
    }
}

fn opts(to: &Address) -> NodeOpts {
    NodeOpts {
        rooms: to.rooms.clone(),
        except: to.except.clone(),
        ..NodeOpts::default()
    }
}

fn socket(view: &SocketView) -> NodeSocket {
    let own = Room::from(view.id);
    NodeSocket {
        id: view.id.as_str().to_owned(),
        rooms: std::iter::once(own)
            .chain(view.rooms.iter().cloned())
            .collect(),
        handshake: view.handshake.clone(),
        data: view.data.clone(),
    }
}
