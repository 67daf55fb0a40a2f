//! Writing, in the order of keys that Node has.

use bytes::Bytes;

use super::{
    super::{
        error::NodeWireError,
        message::{NodeMessage, NodeOpts},
        names::Names,
        writer::{NodeWriter, first_argument, size},
    },
    ALL_ROOMS, BROADCAST, BROADCAST_ACK, BROADCAST_CLIENT_COUNT, DISCONNECT, FETCH, JOIN, LEAVE,
    SERVER_SIDE_EMIT,
};
use crate::{adapter::NeutralPacket, ids::Room};

/// The channel and the bytes of a message.
pub(in super::super) fn write(
    names: &Names,
    namespace: &str,
    message: &NodeMessage,
) -> Result<(String, Bytes), NodeWireError> {
    let payload = match message {
        NodeMessage::Broadcast { opts, packet } => {
            let channel = names.broadcast_channel(namespace, &opts.rooms);
            return Ok((channel, broadcast(names, namespace, opts, packet)?));
        }
        NodeMessage::Join { opts, rooms } => rooms_request(names, JOIN, opts, rooms),
        NodeMessage::Leave { opts, rooms } => rooms_request(names, LEAVE, opts, rooms),
        NodeMessage::Disconnect { opts, close } => {
            let mut writer = request(names, NodeWriter::json(0), None, DISCONNECT, 2);
            writer.opts(opts, false);
            writer.key("close");
            writer.bool(*close);
            end_request(writer)
        }
        NodeMessage::Fetch { request: id, opts } => {
            let mut writer = request(names, NodeWriter::json(0), Some(id), FETCH, 1);
            writer.opts(opts, false);
            end_request(writer)
        }
        NodeMessage::AllRooms { request: id } => {
            let writer = request(names, NodeWriter::json(0), Some(id), ALL_ROOMS, 0);
            end_request(writer)
        }
        NodeMessage::ServerEmit {
            request: id,
            packet,
        } => {
            let writer = NodeWriter::for_packet(packet);
            let mut writer = request(names, writer, id.as_deref(), SERVER_SIDE_EMIT, 1);
            writer.key("data");
            writer.value(&packet.list, &packet.attachments)?;
            end_request(writer)
        }
        NodeMessage::Ask {
            request: id,
            opts,
            packet,
        } => {
            let writer = NodeWriter::msgpack(size(packet));
            let mut writer = request(names, writer, Some(id), BROADCAST, 2);
            writer.key("packet");
            writer.event(packet, Some(namespace))?;
            writer.opts(opts, true);
            end_request(writer)
        }
        answer => {
            let payload = self::answer(names, answer)?;
            return Ok((names.responses(namespace), payload));
        }
    };
    Ok((names.requests(namespace), payload))
}

fn broadcast(
    names: &Names,
    namespace: &str,
    opts: &NodeOpts,
    packet: &NeutralPacket,
) -> Result<Bytes, NodeWireError> {
    let mut writer = NodeWriter::msgpack(size(packet));
    writer.list(3);
    writer.string(&names.uid);
    writer.event(packet, Some(namespace))?;
    writer.bare_opts(opts, true);
    writer.end_list();
    Ok(writer.finish())
}

fn rooms_request(names: &Names, kind: u64, opts: &NodeOpts, rooms: &[Room]) -> Bytes {
    let mut writer = request(names, NodeWriter::json(0), None, kind, 2);
    writer.opts(opts, false);
    writer.key("rooms");
    writer.rooms(rooms);
    end_request(writer)
}

/// Begins a request that has so many entries of its own.
fn request(
    names: &Names,
    mut writer: NodeWriter,
    id: Option<&str>,
    kind: u64,
    entries: usize,
) -> NodeWriter {
    writer.map(3 + usize::from(id.is_some()) + entries);
    writer.key("uid");
    writer.string(&names.uid);
    if let Some(id) = id {
        writer.key("requestId");
        writer.string(id);
    }
    writer.key("type");
    writer.unsigned(kind);
    writer
}

/// Ends a request with the key that Node does not know.
fn end_request(mut writer: NodeWriter) -> Bytes {
    writer.key("koio");
    writer.bool(true);
    writer.end_map();
    writer.finish()
}

/// An answer. Behind Node's keys it says who answers, so that this server knows its own when the channel, which is common to
/// all, brings it back.
fn answer(names: &Names, message: &NodeMessage) -> Result<Bytes, NodeWireError> {
    let begin = |mut writer: NodeWriter, kind: Option<u64>, id: &str, entries: usize| {
        writer.map(2 + usize::from(kind.is_some()) + entries);
        if let Some(kind) = kind {
            writer.key("type");
            writer.unsigned(kind);
        }
        writer.key("requestId");
        writer.string(id);
        writer
    };
    let with_argument = |writer, kind, id: &str, key: &str, packet: &NeutralPacket| {
        let argument = first_argument(packet)?;
        let mut writer = begin(writer, Some(kind), id, usize::from(argument.is_some()));
        if let Some(argument) = argument {
            writer.key(key);
            writer.value(argument, &packet.attachments)?;
        }
        Ok::<_, NodeWireError>(writer)
    };
    let mut writer = match message {
        NodeMessage::Fetched { request, sockets } => {
            let mut writer = begin(NodeWriter::json(sockets.len() * 512), None, request, 1);
            writer.key("sockets");
            writer.sockets(sockets)?;
            writer
        }
        NodeMessage::Rooms { request, rooms } => {
            let mut writer = begin(NodeWriter::json(0), None, request, 1);
            writer.key("rooms");
            writer.rooms(rooms);
            writer
        }
        NodeMessage::ClientCount { request, clients } => {
            let kind = Some(BROADCAST_CLIENT_COUNT);
            let mut writer = begin(NodeWriter::json(0), kind, request, 1);
            writer.key("clientCount");
            writer.unsigned(*clients as u64);
            writer
        }
        NodeMessage::ServerAnswer { request, packet } => {
            let writer = NodeWriter::for_packet(packet);
            with_argument(writer, SERVER_SIDE_EMIT, request, "data", packet)?
        }
        NodeMessage::ClientAck { request, packet } => {
            let writer = NodeWriter::msgpack(size(packet));
            with_argument(writer, BROADCAST_ACK, request, "packet", packet)?
        }
        _ => return Err(NodeWireError::NoSuchMessage),
    };
    writer.key("uid");
    writer.string(&names.uid);
    writer.end_map();
    Ok(writer.finish())
}
