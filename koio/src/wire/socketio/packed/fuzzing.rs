//! What the fuzz target `packed` asks.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{PackedPacket, frame};
use crate::wire::{
    Message, PacketLimits,
    engineio::Frame,
    socketio::{header::namespace_str, kind::PacketKind},
};

/// No bytes are a panic, what is a packet holds JSON, and written again it reads back the same.
///
/// # Panics
/// That is how it fails.
pub fn fuzz_packed(packed: &[u8]) {
    let limits = PacketLimits::default();
    let packed = Bytes::copy_from_slice(packed);
    let Ok(packet) = PackedPacket::read(&packed, &limits) else {
        return;
    };
    let data = &packet.data;
    let is_json = data.is_empty() || serde_json::from_slice::<&RawValue>(data).is_ok();
    assert!(is_json, "{packet:?}");
    let namespace = namespace_str(&packet.namespace);
    let mut text = match (packet.kind, packet.attachments.len()) {
        (PacketKind::Event, count @ 1..) => format!("5{count}-"),
        (PacketKind::Ack, count @ 1..) => format!("6{count}-"),
        (kind, _) => (kind as u8).to_string(),
    };
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    text.extend(packet.id.map(|id| id.to_string()));
    let mut text = text.into_bytes();
    text.extend_from_slice(data);
    let attachments = packet.attachments.iter().cloned();
    let written = Frame::message(&Message::Text(text.into()))
        .followed_by(attachments.map(|data| Frame::message(&Message::Binary(data))));
    let written = frame(&written, namespace);
    let message = written.ok().and_then(|frame| {
        let payload = frame.parts().next()?.payload;
        Some(Bytes::copy_from_slice(payload))
    });
    let again = PackedPacket::read(&message.unwrap_or_default(), &limits).ok();
    let parts = |packet: &PackedPacket| {
        let PackedPacket {
            kind,
            namespace,
            id,
            data,
            attachments,
        } = packet;
        (
            *kind,
            namespace.clone(),
            *id,
            data.clone(),
            attachments.clone(),
        )
    };
    assert_eq!(again.as_ref().map(parts), Some(parts(&packet)));
    let _ = packet.into_incoming();
}
