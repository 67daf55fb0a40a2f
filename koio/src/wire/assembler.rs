//! Packets put together with their attachments.

use bytes::Bytes;

use super::packet::{Packet, PacketKind, PacketLimits};
use super::{DecodeError, DecodeErrorKind, EventName, Message, RawArgs};

/// What came in, complete.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// The client asks for a namespace.
    Connect {
        /// Which.
        namespace: Bytes,
        /// A JSON object, or empty.
        auth: Bytes,
    },
    /// The client leaves a namespace.
    Disconnect {
        /// Which.
        namespace: Bytes,
    },
    /// An event.
    Event {
        /// Where.
        namespace: Bytes,
        /// Under which id the client waits for an answer, if it does.
        id: Option<u64>,
        /// Its name.
        name: EventName,
        /// Its arguments.
        args: RawArgs,
    },
    /// The answer to an event of ours.
    Ack {
        /// Where.
        namespace: Bytes,
        /// Which event it answers.
        id: u64,
        /// What it says.
        args: RawArgs,
    },
    /// A refusal, which only a server may send.
    ConnectError {
        /// Of which namespace.
        namespace: Bytes,
    },
}

/// Puts the messages of one connection together to packets.
///
/// The attachments of a packet follow it directly, whatever its namespace, so there is one of these
/// for each connection. After an error it must not be used again.
#[derive(Debug)]
pub struct Assembler {
    limits: PacketLimits,
    // Boxed: nearly all connections never have one.
    partial: Option<Box<Partial>>,
}

#[derive(Debug)]
struct Partial {
    packet: Packet,
    attachments: Vec<Bytes>,
    bytes: usize,
}

/// Attachments shorter than this are copied while they wait for others, for they may be small parts
/// of a big read block that would wait with them.
const COPY: usize = 4096;

impl Assembler {
    /// For a new connection.
    #[must_use]
    pub fn new(limits: PacketLimits) -> Self {
        Self {
            limits,
            partial: None,
        }
    }

    /// Whether attachments are outstanding.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// The namespace of the packet whose attachments are outstanding, so that what is not allowed
    /// there can be refused before they are waited for.
    #[must_use]
    pub fn partial_namespace(&self) -> Option<&str> {
        self.partial
            .as_deref()
            .map(|partial| partial.packet.namespace())
    }

    /// Takes the next message, and gives a packet if that completes one.
    ///
    /// # Errors
    ///
    /// When the message is no packet, or not what the packet before it announced.
    pub fn push(&mut self, message: Message) -> Result<Option<Incoming>, DecodeError> {
        match (message, self.partial.take()) {
            (Message::Text(text), None) => self.header(text),
            (Message::Binary(data), Some(partial)) => self.attachment(partial, data),
            (Message::Text(_), Some(_)) => {
                Err(DecodeError::new(DecodeErrorKind::TextWithinBinary, 0))
            }
            (Message::Binary(_), None) => {
                Err(DecodeError::new(DecodeErrorKind::UnexpectedBinary, 0))
            }
        }
    }

    fn header(&mut self, text: Bytes) -> Result<Option<Incoming>, DecodeError> {
        let mut packet = Packet::read(text, &self.limits)?;
        if packet.attachments == 0 {
            return Incoming::new(packet, Vec::new(), &self.limits).map(Some);
        }
        // What is wrong with the name must not wait for the attachments.
        if packet.kind == PacketKind::Event {
            EventName::decode(&packet.data, self.limits.event)?;
        }
        packet.data = Bytes::copy_from_slice(&packet.data);
        if *packet.namespace != *b"/" {
            packet.namespace = Bytes::copy_from_slice(&packet.namespace);
        }
        self.partial = Some(Box::new(Partial {
            attachments: Vec::with_capacity(packet.attachments),
            packet,
            bytes: 0,
        }));
        Ok(None)
    }

    fn attachment(
        &mut self,
        mut partial: Box<Partial>,
        data: Bytes,
    ) -> Result<Option<Incoming>, DecodeError> {
        partial.bytes = partial.bytes.saturating_add(data.len());
        if partial.bytes > self.limits.attachment_bytes {
            return Err(DecodeError::new(DecodeErrorKind::AttachmentsTooLong, 0));
        }
        let last = partial.attachments.len() + 1 == partial.packet.attachments;
        partial.attachments.push(if data.len() < COPY && !last {
            Bytes::copy_from_slice(&data)
        } else {
            data
        });
        if !last {
            self.partial = Some(partial);
            return Ok(None);
        }
        let Partial {
            packet,
            attachments,
            ..
        } = *partial;
        Incoming::new(packet, attachments, &self.limits).map(Some)
    }
}

impl Incoming {
    #[inline]
    fn new(
        packet: Packet,
        attachments: Vec<Bytes>,
        limits: &PacketLimits,
    ) -> Result<Self, DecodeError> {
        let Packet {
            kind,
            namespace,
            id,
            binary,
            data,
            checked,
            ..
        } = packet;
        let attachments = binary.then_some(attachments);
        Ok(match kind {
            PacketKind::Connect => Self::Connect {
                namespace,
                auth: data,
            },
            PacketKind::Disconnect => Self::Disconnect { namespace },
            PacketKind::ConnectError => Self::ConnectError { namespace },
            PacketKind::Event => {
                let (name, end) = EventName::decode(&data, limits.event)?;
                Self::Event {
                    namespace,
                    id,
                    name,
                    args: RawArgs::new(data, Some(end), attachments, checked),
                }
            }
            PacketKind::Ack => Self::Ack {
                namespace,
                id: id.ok_or(DecodeError::new(DecodeErrorKind::AckId, 0))?,
                args: RawArgs::new(data, None, attachments, checked),
            },
        })
    }
}
