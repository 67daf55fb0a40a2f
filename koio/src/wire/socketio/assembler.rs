//! [`Assembler`]: puts packets together with their attachments.

use std::sync::Arc;

use bytes::Bytes;

use super::args::{Attachments, RawArgs, detach_attachment};
use super::event::Event;
use super::event_name::EventName;
use super::header::{PacketHeader, namespace_str};
use super::{kind::PacketKind, limits::PacketLimits};
use crate::wire::{DecodeError, DecodeErrorKind, Message};

/// A complete packet of the peer.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// The client asks for a namespace.
    Connect {
        /// The namespace.
        namespace: Bytes,
        /// The data, as text. May be empty.
        auth: Bytes,
    },
    /// The client leaves a namespace.
    Disconnect {
        /// The namespace.
        namespace: Bytes,
    },
    /// An event.
    Event {
        /// Its namespace.
        namespace: Bytes,
        /// Its name, arguments and ack id.
        event: Event,
    },
    /// The answer to an event that this side sent.
    Ack {
        /// Its namespace.
        namespace: Bytes,
        /// The id of that event.
        id: u64,
        /// Its arguments.
        args: RawArgs,
    },
    /// A refusal, which only a server may send.
    ConnectError {
        /// The namespace.
        namespace: Bytes,
    },
}

/// Puts the messages of one connection together to packets.
///
/// The attachments of a packet follow it directly, in any namespace, so each connection has one assembler. After an error
/// it must not be used again.
#[derive(Debug)]
pub struct Assembler {
    /// The same for all connections of a server.
    limits: Arc<PacketLimits>,
    /// The packet whose attachments are outstanding. Boxed, since most connections never have one.
    partial: Option<Box<PartialPacket>>,
}

/// A packet whose attachments are outstanding.
#[derive(Debug)]
struct PartialPacket {
    /// Complete but for its attachments.
    incoming: Incoming,
    attachments: Vec<Bytes>,
    outstanding: usize,
    /// Bytes of the attachments so far.
    bytes: usize,
    /// Whether the text has been copied out of the read buffer.
    text_detached: bool,
    /// How many attachments have been copied out, from the first on.
    detached: usize,
}

impl Assembler {
    /// An assembler for a new connection.
    #[must_use]
    pub fn new(limits: impl Into<Arc<PacketLimits>>) -> Self {
        Self {
            limits: limits.into(),
            partial: None,
        }
    }

    /// Whether attachments are outstanding.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Bytes of the attachments that have arrived, while others are outstanding.
    #[must_use]
    pub fn arrived(&self) -> Option<usize> {
        self.partial.as_deref().map(|partial| partial.bytes)
    }

    /// The namespace of the packet whose attachments are outstanding, so that the packet can be refused before they
    /// arrive.
    #[must_use]
    pub fn partial_namespace(&self) -> Option<&str> {
        self.partial
            .as_deref()
            .map(|partial| namespace_str(partial.incoming.namespace()))
    }

    /// Takes the next message. Returns a packet if that completes one.
    ///
    /// # Errors
    ///
    /// When the message is not a packet, or not what the packet before it announced.
    pub fn push(&mut self, message: Message) -> Result<Option<Incoming>, DecodeError> {
        match (message, self.partial.take()) {
            (Message::Text(text), None) => {
                let header = self.header(&text)?;
                self.begin(&header, text)
            }
            (Message::Binary(data), Some(partial)) => self.attachment(partial, data),
            (Message::Text(_), Some(_)) => {
                Err(DecodeError::new(DecodeErrorKind::TextWithinBinary, 0))
            }
            (Message::Binary(_), None) => {
                Err(DecodeError::new(DecodeErrorKind::UnexpectedBinary, 0))
            }
        }
    }

    /// Copies the parts of a partial packet out of the read buffer that they share: otherwise they would keep all of it
    /// allocated while the connection is idle.
    pub fn detach(&mut self) {
        if let Some(partial) = &mut self.partial {
            partial.detach();
        }
    }

    /// The first half of [`push`](Self::push), for a text while no attachments are outstanding.
    #[inline]
    pub(crate) fn header(&self, text: &[u8]) -> Result<PacketHeader, DecodeError> {
        PacketHeader::decode(text, &self.limits)
    }

    /// The limits of its packets.
    pub(crate) fn limits(&self) -> &PacketLimits {
        &self.limits
    }

    /// The name of the event with this header, and where its item ends.
    #[inline(always)]
    pub(crate) fn event_name(
        &self,
        header: &PacketHeader,
        text: &[u8],
    ) -> Result<(EventName, usize), DecodeError> {
        let list = text.get(header.data..).unwrap_or_default();
        EventName::decode(list)
    }

    /// The second half of [`push`](Self::push).
    pub(crate) fn begin(
        &mut self,
        header: &PacketHeader,
        text: Bytes,
    ) -> Result<Option<Incoming>, DecodeError> {
        let incoming = self.incoming(header, text)?;
        let outstanding = header.attachments;
        if outstanding == 0 {
            return Ok(Some(incoming));
        }
        self.partial = Some(Box::new(PartialPacket {
            incoming,
            attachments: Vec::new(),
            outstanding,
            bytes: 0,
            text_detached: false,
            detached: 0,
        }));
        Ok(None)
    }

    fn incoming(&self, header: &PacketHeader, text: Bytes) -> Result<Incoming, DecodeError> {
        let namespace = header.shared_namespace(&text);
        if header.kind == PacketKind::Event {
            let name = self.event_name(header, &text)?;
            let event = Event::new(header, name, text);
            return Ok(Incoming::Event { namespace, event });
        }
        Ok(match header.kind {
            PacketKind::Ack | PacketKind::Event => Incoming::Ack {
                namespace,
                // An ack without an id answers no event. No event has this id, so such an ack is dropped as any other.
                id: header.id.unwrap_or(u64::MAX),
                args: header.args(text, None),
            },
            PacketKind::Connect => Incoming::Connect {
                namespace,
                auth: text.slice(header.data..),
            },
            PacketKind::Disconnect => Incoming::Disconnect { namespace },
            PacketKind::ConnectError => Incoming::ConnectError { namespace },
        })
    }

    fn attachment(
        &mut self,
        mut partial: Box<PartialPacket>,
        data: Bytes,
    ) -> Result<Option<Incoming>, DecodeError> {
        partial.bytes = partial.bytes.saturating_add(data.len());
        if partial.bytes > self.limits.attachment_bytes() {
            let kind = DecodeErrorKind::AttachmentsTooLong;
            return Err(DecodeError::new(kind, partial.bytes));
        }
        if partial.outstanding > 1 {
            partial.attachments.reserve_exact(partial.outstanding);
            partial.attachments.push(data);
            partial.outstanding -= 1;
            self.partial = Some(partial);
            return Ok(None);
        }
        let PartialPacket {
            mut incoming,
            mut attachments,
            ..
        } = *partial;
        if let Some((_, args)) = incoming.parts_mut() {
            args.attach(if attachments.is_empty() {
                Attachments::One(data)
            } else {
                attachments.push(data);
                Attachments::Many(attachments.into())
            });
        }
        Ok(Some(incoming))
    }
}

impl PartialPacket {
    fn detach(&mut self) {
        if !std::mem::replace(&mut self.text_detached, true)
            && let Some((namespace, args)) = self.incoming.parts_mut()
        {
            *namespace = Bytes::copy_from_slice(namespace);
            args.detach_list();
        }
        let new = self.attachments.iter_mut().skip(self.detached);
        new.for_each(detach_attachment);
        self.detached = self.attachments.len();
    }
}

impl Incoming {
    fn namespace(&self) -> &Bytes {
        let (Self::Connect { namespace, .. }
        | Self::Disconnect { namespace }
        | Self::Event { namespace, .. }
        | Self::Ack { namespace, .. }
        | Self::ConnectError { namespace }) = self;
        namespace
    }

    /// The namespace and the arguments, of packets that can have attachments.
    fn parts_mut(&mut self) -> Option<(&mut Bytes, &mut RawArgs)> {
        match self {
            Self::Event { namespace, event } => Some((namespace, &mut event.args)),
            Self::Ack {
                namespace, args, ..
            } => Some((namespace, args)),
            _ => None,
        }
    }
}
