//! Writing messages, as JSON or as msgpack: the calls are the same.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    error::NodeWireError,
    handshake,
    message::{NodeOpts, NodeSocket},
};
use crate::{
    adapter::NeutralPacket,
    ids::Room,
    wire::{Packer, push_json_string},
};

/// Writes one message.
pub(super) enum NodeWriter {
    Json(JsonText),
    Msgpack(Packer),
}

impl NodeWriter {
    /// `payload`: how many bytes the message holds beside its frame.
    pub(super) fn json(payload: usize) -> Self {
        Self::Json(JsonText {
            text: Vec::with_capacity(payload + 256),
            comma: false,
        })
    }

    pub(super) fn msgpack(payload: usize) -> Self {
        Self::Msgpack(Packer::with_capacity(payload + 128))
    }

    /// For a message with this packet: JSON can't carry attachments.
    pub(super) fn for_packet(packet: &NeutralPacket) -> Self {
        if packet.attachments.is_empty() {
            Self::json(packet.list.len())
        } else {
            Self::msgpack(size(packet))
        }
    }

    pub(super) fn finish(self) -> Bytes {
        match self {
            Self::Json(json) => json.text.into(),
            Self::Msgpack(packer) => packer.finish().into(),
        }
    }

    /// Begins a map of so many entries.
    pub(super) fn map(&mut self, entries: usize) {
        match self {
            Self::Json(json) => json.open(b'{'),
            Self::Msgpack(packer) => packer.map(entries),
        }
    }

    pub(super) fn end_map(&mut self) {
        if let Self::Json(json) = self {
            json.close(b'}');
        }
    }

    /// Begins a list of so many values.
    pub(super) fn list(&mut self, items: usize) {
        match self {
            Self::Json(json) => json.open(b'['),
            Self::Msgpack(packer) => packer.list(items),
        }
    }

    pub(super) fn end_list(&mut self) {
        if let Self::Json(json) = self {
            json.close(b']');
        }
    }

    pub(super) fn key(&mut self, key: &str) {
        match self {
            Self::Json(json) => json.key(key),
            Self::Msgpack(packer) => packer.string(key),
        }
    }

    pub(super) fn string(&mut self, value: &str) {
        match self {
            Self::Json(json) => push_json_string(json.next(), value),
            Self::Msgpack(packer) => packer.string(value),
        }
    }

    pub(super) fn unsigned(&mut self, value: u64) {
        match self {
            Self::Json(json) => {
                // Writing a number to memory can't fail.
                let _ = serde_json::to_writer(json.next(), &value);
            }
            Self::Msgpack(packer) => packer.unsigned(value),
        }
    }

    pub(super) fn bool(&mut self, value: bool) {
        match self {
            Self::Json(json) => {
                let word: &[u8] = if value { b"true" } else { b"false" };
                json.next().extend_from_slice(word);
            }
            Self::Msgpack(packer) => packer.bool(value),
        }
    }

    /// A value that is JSON text already. As msgpack its placeholders become the attachments.
    pub(super) fn value(
        &mut self,
        text: &[u8],
        attachments: &[Bytes],
    ) -> Result<(), NodeWireError> {
        match self {
            Self::Json(json) => json.next().extend_from_slice(text),
            Self::Msgpack(packer) => packer.json(text, attachments)?,
        }
        Ok(())
    }

    pub(super) fn rooms(&mut self, rooms: &[Room]) {
        self.list(rooms.len());
        for room in rooms {
            self.string(room.as_str());
        }
        self.end_list();
    }

    /// `opts`, with its key. Requests of the classic adapter have no flags in it.
    pub(super) fn opts(&mut self, opts: &NodeOpts, with_flags: bool) {
        self.key("opts");
        self.bare_opts(opts, with_flags);
    }

    pub(super) fn bare_opts(&mut self, opts: &NodeOpts, with_flags: bool) {
        self.map(2 + usize::from(with_flags) + usize::from(opts.only_for_node));
        self.key("rooms");
        self.rooms(&opts.rooms);
        self.key("except");
        self.rooms(&opts.except);
        if with_flags {
            self.key("flags");
            self.flags(opts);
        }
        if opts.only_for_node {
            self.key("koio");
            self.bool(true);
        }
        self.end_map();
    }

    pub(super) fn sockets(&mut self, sockets: &[NodeSocket]) -> Result<(), NodeWireError> {
        self.list(sockets.len());
        for socket in sockets {
            self.map(4);
            self.key("id");
            self.string(&socket.id);
            self.key("handshake");
            self.value(&handshake::write(&socket.handshake)?, &[])?;
            self.key("rooms");
            self.rooms(&socket.rooms);
            self.key("data");
            self.value(socket.data.as_deref().unwrap_or("{}").as_bytes(), &[])?;
            self.end_map();
        }
        self.end_list();
        Ok(())
    }

    fn flags(&mut self, opts: &NodeOpts) {
        let flags = [
            opts.expect_single_response,
            opts.volatile,
            opts.uncompressed,
            opts.timeout.is_some(),
        ];
        self.map(flags.into_iter().filter(|is_set| *is_set).count());
        if opts.expect_single_response {
            self.key("expectSingleResponse");
            self.bool(true);
        }
        if opts.volatile {
            self.key("volatile");
            self.bool(true);
        }
        if opts.uncompressed {
            self.key("compress");
            self.bool(false);
        }
        if let Some(timeout) = opts.timeout {
            self.key("timeout");
            self.unsigned(timeout);
        }
        self.end_map();
    }

    /// The packet of an event. Its kind is always EVENT: the server that sends it to clients looks for binary data.
    pub(super) fn event(
        &mut self,
        packet: &NeutralPacket,
        namespace: Option<&str>,
    ) -> Result<(), NodeWireError> {
        const EVENT: u64 = 2;
        self.map(2 + usize::from(namespace.is_some()));
        self.key("type");
        self.unsigned(EVENT);
        self.key("data");
        self.value(&packet.list, &packet.attachments)?;
        if let Some(namespace) = namespace {
            self.key("nsp");
            self.string(namespace);
        }
        self.end_map();
        Ok(())
    }
}

/// The text of the first argument in a list, if there is any. Servers of Node pass on no other.
pub(super) fn first_argument(packet: &NeutralPacket) -> Result<Option<&[u8]>, NodeWireError> {
    let list: Vec<&RawValue> = serde_json::from_slice(&packet.list)?;
    Ok(list.first().map(|first| first.get().as_bytes()))
}

/// JSON that is being written.
pub(super) struct JsonText {
    text: Vec<u8>,
    /// Whether a comma comes before the next value or key.
    comma: bool,
}

impl JsonText {
    /// Where the next value goes.
    fn next(&mut self) -> &mut Vec<u8> {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
        &mut self.text
    }

    fn key(&mut self, key: &str) {
        push_json_string(self.next(), key);
        self.text.push(b':');
        self.comma = false;
    }

    fn open(&mut self, bracket: u8) {
        self.next().push(bracket);
        self.comma = false;
    }

    fn close(&mut self, bracket: u8) {
        self.text.push(bracket);
        self.comma = true;
    }
}

/// The bytes of a packet.
pub(super) fn size(packet: &NeutralPacket) -> usize {
    let attachments = packet.attachments.iter().map(Bytes::len);
    packet.list.len() + attachments.sum::<usize>()
}
