//! A Socket.IO packet: `<type>[<attachments>-][<namespace>,][<ack id>][<data>]`.

use bytes::Bytes;

use super::{
    header::{PacketHeader, namespace_str},
    kind::PacketKind,
    limits::PacketLimits,
};
use crate::wire::DecodeError;

/// A Socket.IO packet, its data still text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its purpose.
    pub kind: PacketKind,
    /// Its namespace, `/` where none was written.
    pub namespace: Bytes,
    /// The ack id of an event that wants an answer, or of the answer.
    pub id: Option<u64>,
    /// How many binary messages belong to it.
    pub attachments: usize,
    /// Whether it was sent as a binary packet, in which placeholders stand for attachments.
    pub binary: bool,
    /// The data as text. Empty where there is none.
    pub data: Bytes,
}

impl Packet {
    /// The namespace as text.
    #[must_use]
    pub fn namespace(&self) -> &str {
        namespace_str(&self.namespace)
    }

    /// Reads a packet from the text of an Engine.IO message, which must be UTF-8.
    ///
    /// The data of events and acks is not parsed, since reading the arguments does that: only its depth and its first and
    /// last bytes are checked. Other data is validated entirely, and so are the placeholders of binary packets.
    ///
    /// # Errors
    ///
    /// When the text breaks the grammar, its type's shape of data, or a limit.
    pub fn decode(text: &Bytes, limits: &PacketLimits) -> Result<Self, DecodeError> {
        let header = PacketHeader::decode(text, limits)?;
        Ok(Self {
            kind: header.kind,
            namespace: header.shared_namespace(text),
            id: header.id,
            attachments: header.attachments,
            binary: header.binary,
            data: text.slice(header.data..),
        })
    }
}
