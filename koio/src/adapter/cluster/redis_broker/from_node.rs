//! What Node's adapters say, as messages of the cluster.

use super::super::{
    super::SocketView,
    message::{Address, ClusterMessage, MessageBody},
    node::{NodeId, UnnamedServer},
    node_wire::{NodeIncoming, NodeMessage, NodeOpts, NodeSocket},
    request_id::RequestId,
};
use crate::ids::SocketId;

/// How long clients are waited for on behalf of a server that does not say it, in milliseconds.
const DEFAULT_WAIT: u64 = 60_000;

/// The message, which came in so many bytes. `None`: a node of koio's sent it, and says the same in koio's words.
pub(super) fn message(incoming: NodeIncoming, bytes: usize) -> Option<ClusterMessage> {
    let NodeIncoming {
        namespace,
        uid,
        is_koio,
        message,
    } = incoming;
    let to = |opts: NodeOpts| Address {
        namespace: (*namespace).to_owned(),
        rooms: opts.rooms,
        except: opts.except,
    };
    let body = match message {
        NodeMessage::Broadcast { opts, .. }
        | NodeMessage::Join { opts, .. }
        | NodeMessage::Leave { opts, .. }
        | NodeMessage::Disconnect { opts, .. }
            if opts.only_for_node =>
        {
            return None;
        }
        NodeMessage::Broadcast { opts, packet } => MessageBody::Broadcast {
            volatile: opts.volatile,
            packet: packet.leave_uncompressed(opts.uncompressed),
            to: to(opts),
        },
        NodeMessage::Join { opts, rooms } => MessageBody::Join {
            to: to(opts),
            rooms,
        },
        NodeMessage::Leave { opts, rooms } => MessageBody::Leave {
            to: to(opts),
            rooms,
        },
        NodeMessage::Disconnect { opts, close } => MessageBody::Disconnect {
            to: to(opts),
            all: close,
        },
        NodeMessage::Fetch { .. }
        | NodeMessage::Ask { .. }
        | NodeMessage::ServerEmit { .. }
        | NodeMessage::AllRooms { .. }
            if is_koio =>
        {
            return None;
        }
        NodeMessage::Fetch { request, opts } => MessageBody::Fetch {
            request: RequestId::from(request),
            to: to(opts),
        },
        NodeMessage::Ask {
            request,
            opts,
            packet,
        } => MessageBody::Ask {
            request: RequestId::from(request),
            wait: opts.timeout.unwrap_or(DEFAULT_WAIT),
            packet: packet.leave_uncompressed(opts.uncompressed),
            to: to(opts),
        },
        NodeMessage::AllRooms { request } => MessageBody::AllRooms {
            request: RequestId::from(request),
            namespace: (*namespace).to_owned(),
        },
        NodeMessage::Fetched { request, sockets } => MessageBody::Fetched {
            request: RequestId::from(request),
            sockets: sockets
                .into_iter()
                .filter_map(|socket| view(&namespace, socket))
                .collect(),
        },
        NodeMessage::ClientCount { request, clients } => MessageBody::ClientsAsked {
            request: RequestId::from(request),
            clients,
        },
        NodeMessage::ClientAck { request, packet } => MessageBody::ClientAnswered {
            request: RequestId::from(request),
            args: packet,
        },
        NodeMessage::ServerEmit { request, packet } => MessageBody::ServerEvent {
            request: request.map(RequestId::from),
            namespace: (*namespace).to_owned(),
            packet,
        },
        NodeMessage::ServerAnswer { request, packet } => MessageBody::ServerAnswered {
            request: RequestId::from(request),
            failure: None,
            args: packet,
        },
        NodeMessage::Rooms { .. } => return None,
    };
    let from = NodeId::unnamed(UnnamedServer {
        uid: uid.unwrap_or_default(),
        namespace,
    });
    Some(ClusterMessage::received(from, body, bytes))
}

/// A socket of a Node server. `None`: its id has a shape that no id of Socket.IO's has.
fn view(namespace: &str, socket: NodeSocket) -> Option<SocketView> {
    let NodeSocket {
        id,
        mut rooms,
        handshake,
        data,
    } = socket;
    rooms.retain(|room| room.as_str() != id);
    Some(SocketView {
        id: SocketId::of_any_server(&id)?,
        namespace: namespace.to_owned(),
        rooms,
        handshake,
        data,
    })
}
