//! Packets to send: derived from what the default parser would send.

use bytes::Bytes;
use serde::ser::Error as _;

use crate::wire::{
    DecodeError, DecodeErrorKind, EncodeError, Message,
    engineio::{Draft, Frame, OpenPlace, Part},
    json::{self, MAX_DEPTH, Unwatched},
    msgpack::Packer,
    socketio::{encode::connect_error, json_packet::JsonPacket, kind::PacketKind},
};

/// One packet.
struct Packed {
    bytes: Vec<u8>,
    /// Where the entry of the namespace begins, which is the last.
    nsp: usize,
}

/// Packs a packet: the text and its attachments.
fn pack<'a>(
    mut parts: impl Iterator<Item = Part<'a>>,
    namespace: &str,
) -> Result<Packed, DecodeError> {
    let no_packet = DecodeError::new(DecodeErrorKind::Payload, 0);
    let text = parts.next().map_or(&[][..], |part| part.payload);
    let packet = JsonPacket::read(text, namespace).ok_or(no_packet)?;
    let attachments: Vec<&[u8]> = parts.map(|part| part.payload).collect();
    let attached: usize = attachments.iter().map(|data| data.len()).sum();
    let mut packer = Packer::with_capacity(text.len() + attached + 32);
    let has_data = !packet.data.is_empty();
    packer.map(2 + usize::from(has_data) + usize::from(packet.id.is_some()));
    // In the order in which Socket.IO's server builds its packets.
    let (first, last) = match packet.kind {
        PacketKind::Ack => (packet.id, None),
        _ => (None, packet.id),
    };
    write_id(&mut packer, first);
    packer.string("type");
    packer.unsigned(packet.kind as u64);
    if has_data {
        packer.string("data");
        packer.json(packet.data, &attachments)?;
    }
    write_id(&mut packer, last);
    let nsp = packer.len();
    packer.string("nsp");
    packer.string(namespace);
    let bytes = packer.finish();
    Ok(Packed { bytes, nsp })
}

fn write_id(packer: &mut Packer, id: Option<u64>) {
    if let Some(id) = id {
        packer.string("id");
        packer.unsigned(id);
    }
}

fn not_packed(error: DecodeError) -> EncodeError {
    EncodeError::Serialize(serde_json::Error::custom(error))
}

/// Whether the event in this frame can be packed: msgpack is written from JSON of a bounded depth.
pub(in crate::wire::socketio) fn check(draft: &Draft, namespace: &str) -> Result<(), EncodeError> {
    let text = draft.parts().next().map_or(&[][..], |part| part.payload);
    let data = JsonPacket::read(text, namespace).map_or(&[][..], |packet| packet.data);
    if json::is_shallow(data, MAX_DEPTH) {
        return Ok(());
    }
    json::document(data, MAX_DEPTH, &mut Unwatched).map_err(not_packed)
}

/// For a single recipient.
pub(in crate::wire::socketio) fn draft(
    mut draft: Draft,
    namespace: &str,
) -> Result<Draft, EncodeError> {
    let packed = pack(draft.parts(), namespace).map_err(not_packed)?;
    draft.replace_by_binary(&packed.bytes);
    Ok(draft)
}

/// For many recipients.
pub(in crate::wire::socketio) fn frame(
    frame: &Frame,
    namespace: &str,
) -> Result<Frame, EncodeError> {
    let packed = pack(frame.parts(), namespace).map_err(not_packed)?;
    let packed = Frame::message(&Message::Binary(packed.bytes.into()));
    Ok(packed.leave_uncompressed(frame.is_left_uncompressed()))
}

/// A packet that must come: a refusal whose data can't be packed goes without them.
pub(in crate::wire::socketio) fn control(packet: &Frame, namespace: &str) -> Frame {
    let packed = pack(packet.parts(), namespace).or_else(|_| {
        let refusal = connect_error(namespace, "refused", None);
        pack(refusal.parts(), namespace)
    });
    let bytes = packed.map_or_else(|_| Bytes::new(), |packed| packed.bytes.into());
    Frame::message(&Message::Binary(bytes))
}

/// An event without an id, with a place for a last argument of this length.
pub(in crate::wire::socketio) fn open_place(
    frame: &Frame,
    namespace: &str,
    len: usize,
) -> Option<OpenPlace> {
    let filled = frame.with_open_place(len)?.fill(&[]);
    let Packed { bytes, nsp } = pack(filled.parts(), namespace).ok()?;
    // The argument ends where the list does, and that where the namespace begins.
    let place = OpenPlace::in_binary(&bytes, nsp.checked_sub(len)?);
    Some(place.leave_uncompressed(frame.is_left_uncompressed()))
}
