//! Reading messages: their keys, in any order, with any others between them.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    error::NodeWireError,
    handshake,
    message::{NodeOpts, NodeSocket},
};
use crate::{
    adapter::NeutralPacket,
    ids::Room,
    wire::{
        Binary, MAX_ATTACHMENTS, RawArgs, UnpackError, UnpackErrorKind, mend_surrogates, unpack,
    },
};

/// Longest id of a request or of a server, in bytes. The adapters draw ids of 6 and 16 characters.
const MAX_ID: usize = 128;

/// A message as JSON, whatever it was written in.
pub(super) struct MessageText {
    json: Bytes,
    /// The error: there are more than an event can have. Descriptions of sockets may have any number, since they are text
    /// there.
    attachments: Result<Vec<Bytes>, UnpackError>,
}

impl MessageText {
    /// Told apart by the first byte, as the adapters do it: a bracket is no message of msgpack.
    pub(super) fn read(payload: Bytes) -> Result<Self, NodeWireError> {
        if let Some(b'{' | b'[') = payload.first() {
            // serde_json refuses the unpaired surrogates that JavaScript can write.
            return Ok(Self {
                json: mend_surrogates(&payload).map_or(payload, Bytes::from),
                attachments: Ok(Vec::new()),
            });
        }
        match unpack(&payload, Binary::Attached(MAX_ATTACHMENTS)) {
            Ok(unpacked) => Ok(Self {
                json: unpacked.json.into(),
                attachments: Ok(unpacked.attachments),
            }),
            Err(error) if error.kind == UnpackErrorKind::TooManyAttachments => Ok(Self {
                attachments: Err(error),
                ..Self::read_with_binary_as_text(&payload)?
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// As `JSON.stringify` would have written it, without attachments.
    pub(super) fn read_with_binary_as_text(payload: &Bytes) -> Result<Self, NodeWireError> {
        Ok(Self {
            json: unpack(payload, Binary::Text)?.json.into(),
            attachments: Ok(Vec::new()),
        })
    }

    pub(super) fn is_plain(&self) -> bool {
        self.attachments.as_ref().is_ok_and(Vec::is_empty)
    }

    pub(super) fn fields(&self) -> Result<Fields<'_>, NodeWireError> {
        Ok(serde_json::from_slice(&self.json)?)
    }

    /// The three parts of a broadcast of the classic adapter.
    pub(super) fn broadcast(&self) -> Result<[&RawValue; 3], NodeWireError> {
        let parts: Vec<&RawValue> = serde_json::from_slice(&self.json)?;
        let parts = parts.first_chunk().ok_or(NodeWireError::Key("opts"))?;
        Ok(*parts)
    }

    /// The event in a list, its name first.
    pub(super) fn event(&self, list: Option<&RawValue>) -> Result<NeutralPacket, NodeWireError> {
        const LIST: NodeWireError = NodeWireError::Key("data");
        let list = list.ok_or(LIST)?.get();
        let behind = list.strip_prefix('[').ok_or(LIST)?.trim_start();
        // A name may be a number.
        if !behind.starts_with(|first| matches!(first, '"' | '-' | '0'..='9')) {
            return Err(LIST);
        }
        // A part of the message, not a copy.
        self.packet(self.json.slice_ref(list.as_bytes()))
    }

    /// One argument as a list; an empty one if it was left out.
    pub(super) fn argument(
        &self,
        value: Option<&RawValue>,
    ) -> Result<NeutralPacket, NodeWireError> {
        let value = value.map_or("", RawValue::get);
        self.packet(["[", value, "]"].concat().into())
    }

    fn packet(&self, list: Bytes) -> Result<NeutralPacket, NodeWireError> {
        let attachments = self.attachments.clone()?;
        // Measures its depth, which serde_json does not do for text that it does not read.
        RawArgs::from_list(list.clone(), attachments.clone())?;
        Ok(NeutralPacket {
            list,
            attachments,
            uncompressed: false,
        })
    }
}

/// The keys of all messages. What a message does not have is not looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    uid: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestId")]
    request: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    nsp: Option<&'a RawValue>,
    #[serde(borrow)]
    koio: Option<&'a RawValue>,
    #[serde(borrow)]
    opts: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "present")]
    pub(super) packet: Option<&'a RawValue>,
    #[serde(borrow)]
    rooms: Option<&'a RawValue>,
    #[serde(borrow)]
    close: Option<&'a RawValue>,
    #[serde(borrow)]
    sockets: Option<&'a RawValue>,
    #[serde(borrow, rename = "clientCount")]
    clients: Option<&'a RawValue>,
}

/// A value that is there, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Fields<'a> {
    /// Those of a value within the message.
    pub(super) fn of(
        value: Option<&'a RawValue>,
        key: &'static str,
    ) -> Result<Self, NodeWireError> {
        let value = value.ok_or(NodeWireError::Key(key))?;
        Ok(serde_json::from_str(value.get())?)
    }

    pub(super) fn kind(&self) -> Option<u64> {
        serde_json::from_str(self.kind?.get()).ok()
    }

    pub(super) fn is_koio(&self) -> bool {
        self.koio.is_some_and(is_true)
    }

    /// The packet of an event.
    pub(super) fn event_packet(&self) -> Result<PacketFields<'a>, NodeWireError> {
        PacketFields::of(self.packet.ok_or(NodeWireError::Key("packet"))?)
    }

    pub(super) fn has_opts(&self) -> bool {
        self.opts.is_some()
    }

    pub(super) fn uid(&self) -> Result<Option<Box<str>>, NodeWireError> {
        self.uid.map(uid).transpose()
    }

    pub(super) fn namespace(&self) -> Result<Option<Cow<'a, str>>, NodeWireError> {
        self.nsp.map(|nsp| string(nsp, "nsp")).transpose()
    }

    /// The id of the request that this is, or that this answers.
    pub(super) fn request(&self) -> Result<Option<String>, NodeWireError> {
        let id = |value| id(value, "requestId").map(Cow::into_owned);
        self.request.map(id).transpose()
    }

    pub(super) fn this_request(&self) -> Result<String, NodeWireError> {
        self.request()?.ok_or(NodeWireError::Key("requestId"))
    }

    /// Whom the message is for. `None`: no socket, since none can be in any of its rooms.
    pub(super) fn opts(&self) -> Result<Option<NodeOpts>, NodeWireError> {
        opts(self.opts.ok_or(NodeWireError::Key("opts"))?)
    }

    /// Rooms to join or leave, or the rooms of a server.
    pub(super) fn rooms(&self) -> Result<Vec<Room>, NodeWireError> {
        let rooms = self.rooms.ok_or(NodeWireError::Key("rooms"))?;
        Ok(room_list(rooms, "rooms")?.0)
    }

    pub(super) fn has_rooms(&self) -> bool {
        self.rooms.is_some()
    }

    pub(super) fn close(&self) -> bool {
        self.close.is_some_and(is_true)
    }

    pub(super) fn clients(&self) -> Result<usize, NodeWireError> {
        let count = self.clients.ok_or(NodeWireError::Key("clientCount"))?;
        Ok(serde_json::from_str(count.get())?)
    }

    /// The sockets of a server. `None`: there are none, or only the ids of some, which is what a request that no version
    /// sends any more asks for.
    pub(super) fn sockets(&self) -> Result<Option<Vec<NodeSocket>>, NodeWireError> {
        let Some(sockets) = self.sockets else {
            return Ok(None);
        };
        let sockets: Vec<&RawValue> = serde_json::from_str(sockets.get())?;
        if sockets
            .first()
            .is_some_and(|first| !first.get().starts_with('{'))
        {
            return Ok(None);
        }
        let sockets = sockets.into_iter().map(socket);
        sockets.collect::<Result<Vec<_>, _>>().map(Some)
    }
}

/// The keys of a packet.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PacketFields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    nsp: Option<&'a RawValue>,
}

impl<'a> PacketFields<'a> {
    pub(super) fn of(packet: &'a RawValue) -> Result<Self, NodeWireError> {
        Ok(serde_json::from_str(packet.get())?)
    }

    /// Whether it is an EVENT or a BINARY_EVENT. There is no need for others between servers.
    pub(super) fn is_event(&self) -> bool {
        self.kind
            .is_some_and(|kind| matches!(kind.get(), "2" | "5"))
    }

    /// Its namespace, or this one if it says none.
    pub(super) fn namespace(&self, default: &'a str) -> Result<Cow<'a, str>, NodeWireError> {
        match self.nsp {
            Some(nsp) => string(nsp, "nsp"),
            None => Ok(default.into()),
        }
    }
}

/// The id of a server.
pub(super) fn uid(value: &RawValue) -> Result<Box<str>, NodeWireError> {
    id(value, "uid").map(Into::into)
}

fn id<'a>(value: &'a RawValue, key: &'static str) -> Result<Cow<'a, str>, NodeWireError> {
    let id = string(value, key)?;
    if id.len() > MAX_ID {
        return Err(NodeWireError::TooLong {
            key,
            bytes: id.len(),
            max: MAX_ID,
        });
    }
    Ok(id)
}

fn string<'a>(value: &'a RawValue, key: &'static str) -> Result<Cow<'a, str>, NodeWireError> {
    /// serde copies a `Cow` that it is not told to borrow.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let text: Result<Text<'a>, _> = serde_json::from_str(value.get());
    text.map(|text| text.0).map_err(|_| NodeWireError::Key(key))
}

/// See [`Fields::opts`].
pub(super) fn opts(value: &RawValue) -> Result<Option<NodeOpts>, NodeWireError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OptsFields<'a> {
        #[serde(borrow)]
        rooms: Option<&'a RawValue>,
        #[serde(borrow)]
        except: Option<&'a RawValue>,
        #[serde(borrow)]
        flags: Option<FlagFields<'a>>,
        #[serde(borrow)]
        koio: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct FlagFields<'a> {
        #[serde(borrow)]
        volatile: Option<&'a RawValue>,
        #[serde(borrow)]
        compress: Option<&'a RawValue>,
        #[serde(borrow)]
        timeout: Option<&'a RawValue>,
        #[serde(borrow, rename = "expectSingleResponse")]
        expect_single_response: Option<&'a RawValue>,
    }
    let read: OptsFields<'_> = serde_json::from_str(value.get())?;
    let list =
        |value: Option<_>, key| value.map_or(Ok((Vec::new(), 0)), |list| room_list(list, key));
    let (rooms, impossible) = list(read.rooms, "rooms")?;
    if rooms.is_empty() && impossible > 0 {
        return Ok(None);
    }
    let (except, _) = list(read.except, "except")?;
    let flags = read.flags.unwrap_or_default();
    let timeout = flags
        .timeout
        .and_then(|ms| serde_json::from_str(ms.get()).ok());
    Ok(Some(NodeOpts {
        rooms,
        except,
        volatile: flags.volatile.is_some_and(is_true),
        uncompressed: flags.compress.is_some_and(|value| value.get() == "false"),
        // A cast to the nearest: what is negative or NaN becomes 0.
        timeout: timeout.map(|ms: f64| ms as u64),
        expect_single_response: flags.expect_single_response.is_some_and(is_true),
        only_for_node: read.koio.is_some_and(is_true),
    }))
}

fn is_true(value: &RawValue) -> bool {
    value.get() == "true"
}

/// The rooms of a list, and how many more there are that no socket can be in: `io.to(undefined)` sends `null`.
///
/// Rooms of Node may be numbers. Here all rooms are text, so 1 and "1" are the same.
fn room_list(list: &RawValue, key: &'static str) -> Result<(Vec<Room>, usize), NodeWireError> {
    let list: Result<Vec<&RawValue>, _> = serde_json::from_str(list.get());
    let mut rooms = Vec::new();
    let mut impossible = 0;
    for value in list.map_err(|_| NodeWireError::Key(key))? {
        match value.get().as_bytes() {
            [b'"', ..] => rooms.push(Room::from(&*string(value, key)?)),
            [b'-' | b'0'..=b'9', ..] => rooms.push(Room::from(number(value.get()))),
            [b'[' | b'{', ..] => return Err(NodeWireError::Key(key)),
            _ => impossible += 1,
        }
    }
    Ok((rooms, impossible))
}

/// The text that JavaScript makes of a number, but for very large ones.
fn number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.contains(['.', 'e', 'E']) => value.to_string(),
        _ => text.to_owned(),
    }
}

fn socket(value: &RawValue) -> Result<NodeSocket, NodeWireError> {
    #[derive(Deserialize)]
    struct SocketFields<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow, default)]
        handshake: Option<&'a RawValue>,
        #[serde(borrow, default)]
        rooms: Option<&'a RawValue>,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let socket: SocketFields<'_> = serde_json::from_str(value.get())?;
    let rooms = socket.rooms.map(|rooms| room_list(rooms, "rooms"));
    Ok(NodeSocket {
        id: socket.id.into_owned(),
        rooms: rooms.transpose()?.unwrap_or_default().0,
        handshake: handshake::read(socket.handshake)?,
        data: socket.data.map(|data| data.get().to_owned()),
    })
}
