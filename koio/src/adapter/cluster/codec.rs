//! How a message is encoded for a broker that no other program listens to.
//!
//! One byte of version, then sections, each behind its length in 4 bytes (big-endian): sender and message as JSON, and, if
//! the message has a packet, its list and each of its attachments. So JSON and binary of an event are copied, not encoded
//! again.

use std::{error::Error, fmt};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{
    super::NeutralPacket,
    broker::PublishError,
    message::{ClusterMessage, MessageBody},
    node::NodeId,
};

/// Nodes of another version count the message as malformed. A kind of message that is added does not change it: a node that
/// does not know the kind counts that message alone.
const VERSION: u8 = 3;

/// The first section.
#[derive(Serialize)]
struct Head<'a> {
    from: &'a NodeId,
    message: &'a MessageBody,
    /// Of the packet. Left out of nearly every message: a node that does not know it may compress the event.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncompressed: bool,
}

/// The first section, read.
#[derive(Deserialize)]
struct ReadHead {
    from: NodeId,
    message: MessageBody,
    #[serde(default)]
    uncompressed: bool,
}

/// Bytes that are no message of this version of koio.
#[derive(Debug)]
pub struct MalformedMessage(Malformation);

#[derive(Debug)]
enum Malformation {
    Version(u8),
    Truncated,
    Head(serde_json::Error),
}

impl fmt::Display for MalformedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Malformation::Version(version) => {
                write!(
                    f,
                    "it has version {version}, and this node speaks {VERSION}"
                )
            }
            Malformation::Truncated => f.write_str("it is cut short"),
            Malformation::Head(error) => write!(f, "its head can't be read: {error}"),
        }
    }
}

impl Error for MalformedMessage {}

impl ClusterMessage {
    /// The message as bytes, in koio's own format.
    ///
    /// # Errors
    /// A part of it is 4 GiB or longer.
    pub fn encode(&self) -> Result<Bytes, PublishError> {
        let head = serde_json::to_vec(&Head {
            from: &self.from,
            message: &self.body,
            uncompressed: self.body.packet().is_some_and(|packet| packet.uncompressed),
        })
        .map_err(|error| PublishError::new(error.to_string()))?;
        let packet = self.body.packet();
        let attachments = packet.map_or(&[][..], |packet| &packet.attachments);
        let list = packet.map(|packet| &packet.list);
        let sections = || list.into_iter().chain(attachments);
        let bytes = sections().map(|section| 4 + section.len()).sum::<usize>();
        let mut encoded = BytesMut::with_capacity(1 + 4 + head.len() + bytes);
        encoded.put_u8(VERSION);
        put(&mut encoded, &head)?;
        for section in sections() {
            put(&mut encoded, section)?;
        }
        Ok(encoded.freeze())
    }

    /// Reads what [`encode`](Self::encode) has made. The event in it shares the memory of `encoded`.
    ///
    /// # Errors
    /// It is no message, or one of another version of koio: tell it the inbox
    /// ([`Inbox::malformed`](super::Inbox::malformed)), which counts it.
    pub fn decode(mut encoded: Bytes) -> Result<Self, MalformedMessage> {
        let len = encoded.len();
        let truncated = MalformedMessage(Malformation::Truncated);
        let Ok(version) = encoded.try_get_u8() else {
            return Err(truncated);
        };
        if version != VERSION {
            return Err(MalformedMessage(Malformation::Version(version)));
        }
        let Some(head) = section(&mut encoded) else {
            return Err(truncated);
        };
        let ReadHead {
            from,
            mut message,
            uncompressed,
        } = serde_json::from_slice(&head)
            .map_err(|error| MalformedMessage(Malformation::Head(error)))?;
        if let Some(packet) = message.packet_mut() {
            let read = read_packet(&mut encoded).ok_or(truncated)?;
            *packet = NeutralPacket {
                uncompressed,
                ..read
            };
        }
        Ok(Self::received(from, message, len))
    }
}

fn put(encoded: &mut BytesMut, section: &[u8]) -> Result<(), PublishError> {
    let len = u32::try_from(section.len())
        .map_err(|_| PublishError::new("a part of the message is 4 GiB or longer"))?;
    encoded.put_u32(len);
    encoded.put_slice(section);
    Ok(())
}

fn read_packet(encoded: &mut Bytes) -> Option<NeutralPacket> {
    let list = section(encoded)?;
    let mut attachments = Vec::new();
    while encoded.has_remaining() {
        attachments.push(section(encoded)?);
    }
    Some(NeutralPacket {
        list,
        attachments,
        uncompressed: false,
    })
}

fn section(encoded: &mut Bytes) -> Option<Bytes> {
    let len = usize::try_from(encoded.try_get_u32().ok()?).ok()?;
    (len <= encoded.len()).then(|| encoded.split_to(len))
}
