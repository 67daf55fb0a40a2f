//! Reading, from the channels of the sharded adapter.

use bytes::Bytes;

use super::{
    super::{
        channels,
        error::NodeWireError,
        fields::{Fields, MessageText},
        message::{NodeIncoming, NodeMessage},
        names::Names,
    },
    BROADCAST, BROADCAST_ACK, BROADCAST_CLIENT_COUNT, DISCONNECT_SOCKETS, FETCH_SOCKETS,
    FETCH_SOCKETS_RESPONSE, SERVER_SIDE_EMIT, SERVER_SIDE_EMIT_RESPONSE, SOCKETS_JOIN,
    SOCKETS_LEAVE,
};

/// Reads what has come on a channel.
pub(in super::super) fn read(
    names: &Names,
    channel: &str,
    payload: Bytes,
    room_exists: &dyn Fn(&str, &str) -> bool,
) -> Result<Option<NodeIncoming>, NodeWireError> {
    let Some(rest) = names.rest(channel, "") else {
        return Ok(None);
    };
    let text = MessageText::read(payload.clone())?;
    let fields = text.fields()?;
    let uid = fields.uid()?;
    let Some(namespace) = fields.namespace()? else {
        return Ok(None);
    };
    let Some(room) = channels::room(rest, &namespace) else {
        return Ok(None);
    };
    if uid.as_deref() == Some(&*names.uid) {
        return Ok(None);
    }
    let is_for_nobody = room != names.uid && !room_exists(&namespace, room);
    // What is for all servers may be a request, which a server without sockets answers too.
    if is_for_nobody && !room.is_empty() {
        return Ok(None);
    }
    // Only descriptions of sockets may have more attachments than an event, because they have none here.
    let message = if fields.kind() == Some(FETCH_SOCKETS_RESPONSE) && !text.is_plain() {
        let text = MessageText::read_with_binary_as_text(&payload)?;
        message(&text, &text.fields()?)?
    } else {
        message(&text, &fields)?
    };
    let message = message.filter(|message| {
        let is_broadcast = matches!(message, NodeMessage::Broadcast { .. });
        !(is_broadcast && is_for_nobody)
    });
    let Some(message) = message else {
        return Ok(None);
    };
    Ok(Some(NodeIncoming {
        namespace: namespace.as_ref().into(),
        uid,
        is_koio: fields.is_koio(),
        message,
    }))
}

fn message(text: &MessageText, fields: &Fields<'_>) -> Result<Option<NodeMessage>, NodeWireError> {
    let Some(kind @ BROADCAST..=BROADCAST_ACK) = fields.kind() else {
        return Ok(None);
    };
    let data = Fields::of(fields.data, "data")?;
    let message = match kind {
        FETCH_SOCKETS_RESPONSE => NodeMessage::Fetched {
            request: data.this_request()?,
            sockets: data.sockets()?.ok_or(NodeWireError::Key("sockets"))?,
        },
        SERVER_SIDE_EMIT => NodeMessage::ServerEmit {
            request: data.request()?,
            packet: text.event(data.packet)?,
        },
        SERVER_SIDE_EMIT_RESPONSE => NodeMessage::ServerAnswer {
            request: data.this_request()?,
            packet: text.argument(data.packet)?,
        },
        BROADCAST_CLIENT_COUNT => NodeMessage::ClientCount {
            request: data.this_request()?,
            clients: data.clients()?,
        },
        BROADCAST_ACK => NodeMessage::ClientAck {
            request: data.this_request()?,
            packet: text.argument(data.packet)?,
        },
        _ => {
            let Some(opts) = data.opts()? else {
                return Ok(None);
            };
            match kind {
                SOCKETS_JOIN => NodeMessage::Join {
                    opts,
                    rooms: data.rooms()?,
                },
                SOCKETS_LEAVE => NodeMessage::Leave {
                    opts,
                    rooms: data.rooms()?,
                },
                DISCONNECT_SOCKETS => NodeMessage::Disconnect {
                    opts,
                    close: data.close(),
                },
                FETCH_SOCKETS => NodeMessage::Fetch {
                    request: data.this_request()?,
                    opts,
                },
                _ => {
                    let packet = data.event_packet()?;
                    if !packet.is_event() {
                        return Ok(None);
                    }
                    let packet = text.event(packet.data)?;
                    match data.request()? {
                        None => NodeMessage::Broadcast { opts, packet },
                        Some(request) => NodeMessage::Ask {
                            request,
                            opts,
                            packet,
                        },
                    }
                }
            }
        }
    };
    Ok(Some(message))
}
