//! How a message is encoded for a broker.
//!
//! One byte of version, then sections, each behind its length in 4 bytes (big-endian): the [`ClusterEnvelope`] as JSON,
//! and, if the message has a packet, its list and each of its attachments. So JSON and binary of an event are copied,
//! not encoded again.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{super::NeutralPacket, message::ClusterEnvelope};

/// Nodes of another version ignore the message.
const VERSION: u8 = 2;

/// Encodes a message.
pub(super) fn encode(envelope: &ClusterEnvelope) -> Result<Bytes, serde_json::Error> {
    let header = serde_json::to_vec(envelope)?;
    let packet = envelope.message.packet();
    let attachments = packet.map_or(&[][..], |packet| &packet.attachments);
    let list = packet.map(|packet| &packet.list);
    let sections = || list.into_iter().chain(attachments);
    let bytes = sections().map(|section| 4 + section.len()).sum::<usize>();
    let mut encoded = BytesMut::with_capacity(1 + 4 + header.len() + bytes);
    encoded.put_u8(VERSION);
    put(&mut encoded, &header)?;
    for section in sections() {
        put(&mut encoded, section)?;
    }
    Ok(encoded.freeze())
}

fn put(encoded: &mut BytesMut, section: &[u8]) -> Result<(), serde_json::Error> {
    let len = u32::try_from(section.len()).map_err(serde::ser::Error::custom)?;
    encoded.put_u32(len);
    encoded.put_slice(section);
    Ok(())
}

/// Why bytes are no message. For logs.
#[derive(Debug)]
#[allow(dead_code, reason = "`Debug` shows the fields")]
pub(super) enum NotAMessage {
    /// It was written by a newer or older koio.
    Version(u8),
    /// It is cut short, or a section is missing.
    Truncated,
    Header(serde_json::Error),
}

/// Reads a message. The sections of its packet share the memory of `encoded`.
pub(super) fn decode(mut encoded: Bytes) -> Result<ClusterEnvelope, NotAMessage> {
    let version = encoded.try_get_u8().map_err(|_| NotAMessage::Truncated)?;
    if version != VERSION {
        return Err(NotAMessage::Version(version));
    }
    let header = section(&mut encoded)?;
    let mut envelope: ClusterEnvelope =
        serde_json::from_slice(&header).map_err(NotAMessage::Header)?;
    if let Some(packet) = envelope.message.packet_mut() {
        let list = section(&mut encoded)?;
        let mut attachments = Vec::new();
        while encoded.has_remaining() {
            attachments.push(section(&mut encoded)?);
        }
        *packet = NeutralPacket { list, attachments };
    }
    Ok(envelope)
}

fn section(encoded: &mut Bytes) -> Result<Bytes, NotAMessage> {
    let len = encoded.try_get_u32().map_err(|_| NotAMessage::Truncated)?;
    let len = usize::try_from(len).map_err(|_| NotAMessage::Truncated)?;
    if len > encoded.len() {
        return Err(NotAMessage::Truncated);
    }
    Ok(encoded.split_to(len))
}
