//! Reading, from the channels of the classic adapter.

use bytes::Bytes;

use super::{
    super::{
        channels,
        error::NodeWireError,
        fields::{self, Fields, MessageText, PacketFields},
        message::{NodeIncoming, NodeMessage},
        names::Names,
    },
    ALL_ROOMS, BROADCAST, BROADCAST_ACK, BROADCAST_CLIENT_COUNT, DISCONNECT, FETCH, JOIN, LEAVE,
    SERVER_SIDE_EMIT,
};

/// Reads what has come on a channel.
pub(in super::super) fn read(
    names: &Names,
    channel: &str,
    payload: Bytes,
    room_exists: &dyn Fn(&str, &str) -> bool,
) -> Result<Option<NodeIncoming>, NodeWireError> {
    if let Some(rest) = names.rest(channel, "") {
        broadcast(names, rest, payload, room_exists)
    } else if let Some(namespace) = names.rest(channel, "-request") {
        request(names, namespace, payload)
    } else if let Some(rest) = names.rest(channel, "-response") {
        let own = rest.strip_suffix(&*names.uid);
        let namespace = own.and_then(|rest| rest.strip_suffix('#')).unwrap_or(rest);
        answer(names, namespace, payload)
    } else {
        Ok(None)
    }
}

fn broadcast(
    names: &Names,
    rest: &str,
    payload: Bytes,
    room_exists: &dyn Fn(&str, &str) -> bool,
) -> Result<Option<NodeIncoming>, NodeWireError> {
    // Each server hears its own broadcasts too. These few bytes are all that is read of them.
    if payload.starts_with(&names.own_broadcast)
        || !channels::meanings(rest).any(|(namespace, room)| room_exists(namespace, room))
    {
        return Ok(None);
    }
    let text = MessageText::read(payload)?;
    let [uid, packet, opts] = text.broadcast()?;
    let uid = fields::uid(uid)?;
    let packet = PacketFields::of(packet)?;
    let namespace = packet.namespace("/")?;
    if *uid == *names.uid || !packet.is_event() || channels::room(rest, &namespace).is_none() {
        return Ok(None);
    }
    let Some(opts) = fields::opts(opts)? else {
        return Ok(None);
    };
    Ok(Some(NodeIncoming {
        message: NodeMessage::Broadcast {
            opts,
            packet: text.event(packet.data)?,
        },
        namespace: namespace.as_ref().into(),
        uid: Some(uid),
        is_koio: false,
    }))
}

fn request(
    names: &Names,
    namespace: &str,
    payload: Bytes,
) -> Result<Option<NodeIncoming>, NodeWireError> {
    let text = MessageText::read(payload)?;
    let fields = text.fields()?;
    let uid = fields.uid()?;
    if uid.as_deref() == Some(&*names.uid) {
        return Ok(None);
    }
    let Some(message) = request_message(namespace, &text, &fields)? else {
        return Ok(None);
    };
    Ok(Some(NodeIncoming {
        namespace: namespace.into(),
        uid,
        is_koio: fields.is_koio(),
        message,
    }))
}

fn request_message(
    namespace: &str,
    text: &MessageText,
    fields: &Fields<'_>,
) -> Result<Option<NodeMessage>, NodeWireError> {
    let kind = fields.kind();
    // Without `opts` these name one socket, as version 5 of the adapter did.
    if matches!(kind, Some(JOIN | LEAVE | DISCONNECT)) && !fields.has_opts() {
        return Ok(None);
    }
    let message = match kind {
        Some(ALL_ROOMS) => NodeMessage::AllRooms {
            request: fields.this_request()?,
        },
        Some(SERVER_SIDE_EMIT) => NodeMessage::ServerEmit {
            request: fields.request()?,
            packet: text.event(fields.data)?,
        },
        Some(kind @ (JOIN | LEAVE | DISCONNECT | FETCH | BROADCAST)) => {
            let Some(opts) = fields.opts()? else {
                return Ok(None);
            };
            match kind {
                JOIN => NodeMessage::Join {
                    opts,
                    rooms: fields.rooms()?,
                },
                LEAVE => NodeMessage::Leave {
                    opts,
                    rooms: fields.rooms()?,
                },
                DISCONNECT => NodeMessage::Disconnect {
                    opts,
                    close: fields.close(),
                },
                FETCH => NodeMessage::Fetch {
                    request: fields.this_request()?,
                    opts,
                },
                _ => {
                    let packet = fields.event_packet()?;
                    if !packet.is_event() || packet.namespace(namespace)? != namespace {
                        return Ok(None);
                    }
                    NodeMessage::Ask {
                        request: fields.this_request()?,
                        opts,
                        packet: text.event(packet.data)?,
                    }
                }
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(message))
}

fn answer(
    names: &Names,
    namespace: &str,
    payload: Bytes,
) -> Result<Option<NodeIncoming>, NodeWireError> {
    let text = MessageText::read(payload)?;
    let fields = text.fields()?;
    let uid = fields.uid()?;
    let Some(request) = fields.request()? else {
        return Ok(None);
    };
    if uid.as_deref() == Some(&*names.uid) {
        return Ok(None);
    }
    let message = match fields.kind() {
        Some(SERVER_SIDE_EMIT) => NodeMessage::ServerAnswer {
            request,
            packet: text.argument(fields.data)?,
        },
        Some(BROADCAST_CLIENT_COUNT) => NodeMessage::ClientCount {
            request,
            clients: fields.clients()?,
        },
        Some(BROADCAST_ACK) => NodeMessage::ClientAck {
            request,
            packet: text.argument(fields.packet)?,
        },
        _ if fields.has_rooms() => NodeMessage::Rooms {
            request,
            rooms: fields.rooms()?,
        },
        _ => match fields.sockets()? {
            Some(sockets) => NodeMessage::Fetched { request, sockets },
            None => return Ok(None),
        },
    };
    Ok(Some(NodeIncoming {
        namespace: namespace.into(),
        uid,
        is_koio: false,
        message,
    }))
}
