//! Writing, in the order of keys that Node has.

use bytes::Bytes;

use super::{
    super::{
        error::NodeWireError,
        message::NodeMessage,
        names::{Names, SubscriptionMode},
        writer::{NodeWriter, first_argument},
    },
    BROADCAST, BROADCAST_ACK, BROADCAST_CLIENT_COUNT, DISCONNECT_SOCKETS, FETCH_SOCKETS,
    FETCH_SOCKETS_RESPONSE, SERVER_SIDE_EMIT, SERVER_SIDE_EMIT_RESPONSE, SOCKETS_JOIN,
    SOCKETS_LEAVE,
};
use crate::{adapter::NeutralPacket, ids::Room};

/// The channel and the bytes of a message. `to`: for an answer, the server that asked.
pub(in super::super) fn write(
    names: &Names,
    mode: SubscriptionMode,
    namespace: &str,
    to: Option<&str>,
    message: &NodeMessage,
) -> Result<(String, Bytes), NodeWireError> {
    let kind = kind(message)?;
    // Only these ask for an answer of a server. An event for the servers has the sign in both forms.
    let is_request = matches!(kind, FETCH_SOCKETS | SERVER_SIDE_EMIT)
        || matches!(message, NodeMessage::Ask { .. });
    let mut writer = match packet(message) {
        Some(packet) => NodeWriter::for_packet(packet),
        None => NodeWriter::json(0),
    };
    writer.map(4 + usize::from(is_request));
    writer.key("type");
    writer.unsigned(kind);
    writer.key("data");
    data(&mut writer, message)?;
    writer.key("uid");
    writer.string(&names.uid);
    writer.key("nsp");
    writer.string(namespace);
    if is_request {
        writer.key("koio");
        writer.bool(true);
    }
    writer.end_map();
    Ok((
        channel(names, mode, namespace, to, message)?,
        writer.finish(),
    ))
}

fn kind(message: &NodeMessage) -> Result<u64, NodeWireError> {
    Ok(match message {
        NodeMessage::Broadcast { .. } | NodeMessage::Ask { .. } => BROADCAST,
        NodeMessage::Join { .. } => SOCKETS_JOIN,
        NodeMessage::Leave { .. } => SOCKETS_LEAVE,
        NodeMessage::Disconnect { .. } => DISCONNECT_SOCKETS,
        NodeMessage::Fetch { .. } => FETCH_SOCKETS,
        NodeMessage::Fetched { .. } => FETCH_SOCKETS_RESPONSE,
        NodeMessage::ServerEmit { .. } => SERVER_SIDE_EMIT,
        NodeMessage::ServerAnswer { .. } => SERVER_SIDE_EMIT_RESPONSE,
        NodeMessage::ClientCount { .. } => BROADCAST_CLIENT_COUNT,
        NodeMessage::ClientAck { .. } => BROADCAST_ACK,
        NodeMessage::AllRooms { .. } | NodeMessage::Rooms { .. } => {
            return Err(NodeWireError::NoSuchMessage);
        }
    })
}

fn packet(message: &NodeMessage) -> Option<&NeutralPacket> {
    match message {
        NodeMessage::Broadcast { packet, .. }
        | NodeMessage::Ask { packet, .. }
        | NodeMessage::ServerEmit { packet, .. }
        | NodeMessage::ServerAnswer { packet, .. }
        | NodeMessage::ClientAck { packet, .. } => Some(packet),
        _ => None,
    }
}

fn channel(
    names: &Names,
    mode: SubscriptionMode,
    namespace: &str,
    to: Option<&str>,
    message: &NodeMessage,
) -> Result<String, NodeWireError> {
    Ok(match message {
        NodeMessage::Fetched { .. }
        | NodeMessage::ServerAnswer { .. }
        | NodeMessage::ClientCount { .. }
        | NodeMessage::ClientAck { .. } => {
            names.room_channel(namespace, to.ok_or(NodeWireError::NoSuchMessage)?)
        }
        // One that is answered is for all servers, since all are counted.
        NodeMessage::Broadcast { opts, .. } if has_channel(mode, &opts.rooms) => {
            names.broadcast_channel(namespace, &opts.rooms)
        }
        _ => names.broadcasts(namespace),
    })
}

fn has_channel(mode: SubscriptionMode, rooms: &[Room]) -> bool {
    matches!(rooms, [room] if mode.has_channel(room.as_str()))
}

/// The value of the key `data`.
fn data(writer: &mut NodeWriter, message: &NodeMessage) -> Result<(), NodeWireError> {
    match message {
        NodeMessage::Broadcast { opts, packet } => {
            writer.map(2);
            writer.key("packet");
            writer.event(packet, None)?;
            writer.opts(opts, true);
        }
        NodeMessage::Ask {
            request,
            opts,
            packet,
        } => {
            writer.map(3);
            writer.key("packet");
            writer.event(packet, None)?;
            write_request(writer, request);
            writer.opts(opts, true);
        }
        NodeMessage::Join { opts, rooms } | NodeMessage::Leave { opts, rooms } => {
            writer.map(2);
            writer.opts(opts, true);
            writer.key("rooms");
            writer.rooms(rooms);
        }
        NodeMessage::Disconnect { opts, close } => {
            writer.map(2);
            writer.opts(opts, true);
            writer.key("close");
            writer.bool(*close);
        }
        NodeMessage::Fetch { request, opts } => {
            writer.map(2);
            writer.opts(opts, true);
            write_request(writer, request);
        }
        NodeMessage::Fetched { request, sockets } => {
            writer.map(2);
            write_request(writer, request);
            writer.key("sockets");
            writer.sockets(sockets)?;
        }
        NodeMessage::ServerEmit { request, packet } => {
            writer.map(1 + usize::from(request.is_some()));
            if let Some(request) = request {
                write_request(writer, request);
            }
            writer.key("packet");
            writer.value(&packet.list, &packet.attachments)?;
        }
        NodeMessage::ServerAnswer { request, packet }
        | NodeMessage::ClientAck { request, packet } => {
            let argument = first_argument(packet)?;
            writer.map(1 + usize::from(argument.is_some()));
            write_request(writer, request);
            if let Some(argument) = argument {
                writer.key("packet");
                writer.value(argument, &packet.attachments)?;
            }
        }
        NodeMessage::ClientCount { request, clients } => {
            writer.map(2);
            write_request(writer, request);
            writer.key("clientCount");
            writer.unsigned(*clients as u64);
        }
        NodeMessage::AllRooms { .. } | NodeMessage::Rooms { .. } => {
            return Err(NodeWireError::NoSuchMessage);
        }
    }
    writer.end_map();
    Ok(())
}

fn write_request(writer: &mut NodeWriter, request: &str) {
    writer.key("requestId");
    writer.string(request);
}
