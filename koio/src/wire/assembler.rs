//! Packets put together with their attachments.

use std::{fmt, sync::Arc};

use bytes::{Buf, Bytes};

use super::args::Attachments;
use super::name::Name;
use super::packet::{Head, PacketKind, PacketLimits, namespace};
use super::{DecodeError, DecodeErrorKind, Message, RawArgs};

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
        /// What.
        event: Event,
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

/// An event as it arrived.
#[derive(Clone, Default)]
pub struct Event {
    name: Name,
    /// Its arguments.
    pub args: RawArgs,
    /// Under which id the client waits for an answer, if it does.
    pub ack: Option<u64>,
}

impl Event {
    /// What the text with this head is, if its name is this and ends there.
    #[inline]
    pub(crate) fn new(head: &Head, (name, end): (Name, usize), mut text: Bytes) -> Self {
        text.advance(head.data);
        Self {
            name,
            args: head.args(text, Some(end)),
            ack: head.id,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        // To check it again is cheaper than to keep a second copy.
        std::str::from_utf8(self.name_bytes()).unwrap_or_default()
    }

    pub(crate) fn name_bytes(&self) -> &[u8] {
        self.name.bytes(self.args.data())
    }

    /// Bytes that it holds while it waits.
    pub(crate) fn weight(&self) -> usize {
        let attachments: usize = self.args.attachments().iter().map(Bytes::len).sum();
        self.name_bytes().len() + self.args.json().len() + attachments
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name())
            .field("args", &self.args)
            .field("ack", &self.ack)
            .finish()
    }
}

/// Puts the messages of one connection together to packets.
///
/// The attachments of a packet follow it directly, whatever its namespace, so there is one of these
/// for each connection. After an error it must not be used again.
#[derive(Debug)]
pub struct Assembler {
    /// The same for all connections of a server.
    limits: Arc<PacketLimits>,
    // Boxed: nearly all connections never have one.
    partial: Option<Box<Partial>>,
}

#[derive(Debug)]
struct Partial {
    /// Complete but for its attachments.
    incoming: Incoming,
    attachments: Vec<Bytes>,
    outstanding: usize,
    bytes: usize,
    /// Whether the text does not keep memory that it shares with others.
    text_apart: bool,
    /// How many of the attachments do not.
    apart: usize,
}

/// Longer attachments stay where they were read while they wait for others.
const COPY: usize = 4096;

impl Assembler {
    /// For a new connection.
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

    /// The namespace of the packet whose attachments are outstanding, so that what is not allowed
    /// there can be refused before they are waited for.
    #[must_use]
    pub fn partial_namespace(&self) -> Option<&str> {
        self.partial
            .as_deref()
            .map(|partial| namespace(partial.incoming.namespace()))
    }

    /// Takes the next message, and gives a packet if that completes one.
    ///
    /// # Errors
    ///
    /// When the message is no packet, or not what the packet before it announced.
    pub fn push(&mut self, message: Message) -> Result<Option<Incoming>, DecodeError> {
        match (message, self.partial.take()) {
            (Message::Text(text), None) => {
                let head = self.head(&text)?;
                self.begin(&head, text)
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

    /// Whoever reads has nothing more at the moment. What waits for the rest of its packet must not keep the block
    /// that it was read into: it may be a small part of that.
    pub fn rest(&mut self) {
        if let Some(partial) = &mut self.partial {
            partial.set_apart();
        }
    }

    /// Reads what comes before a packet's data: the first half of [`push`](Self::push), for a text while nothing is
    /// outstanding.
    #[inline]
    pub(crate) fn head(&self, text: &[u8]) -> Result<Head, DecodeError> {
        Head::read(text, &self.limits)
    }

    /// The name of the event with this head, and where it ends.
    #[inline]
    pub(crate) fn name(&self, head: &Head, text: &[u8]) -> Result<(Name, usize), DecodeError> {
        let list = text.get(head.data..).unwrap_or_default();
        Name::decode(list, self.limits.event)
    }

    /// The second half of [`push`](Self::push).
    pub(crate) fn begin(
        &mut self,
        head: &Head,
        text: Bytes,
    ) -> Result<Option<Incoming>, DecodeError> {
        let incoming = self.incoming(head, text)?;
        let outstanding = head.attachments;
        if outstanding == 0 {
            return Ok(Some(incoming));
        }
        self.partial = Some(Box::new(Partial {
            incoming,
            attachments: Vec::new(),
            outstanding,
            bytes: 0,
            text_apart: false,
            apart: 0,
        }));
        Ok(None)
    }

    fn incoming(&self, head: &Head, mut text: Bytes) -> Result<Incoming, DecodeError> {
        let namespace = head.shared_namespace(&text);
        if head.kind == PacketKind::Event {
            let name = self.name(head, &text)?;
            let event = Event::new(head, name, text);
            return Ok(Incoming::Event { namespace, event });
        }
        text.advance(head.data);
        Ok(match head.kind {
            PacketKind::Ack | PacketKind::Event => Incoming::Ack {
                namespace,
                id: head.id.ok_or(DecodeError::new(DecodeErrorKind::AckId, 0))?,
                args: head.args(text, None),
            },
            PacketKind::Connect => Incoming::Connect {
                namespace,
                auth: text,
            },
            PacketKind::Disconnect => Incoming::Disconnect { namespace },
            PacketKind::ConnectError => Incoming::ConnectError { namespace },
        })
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
        if partial.outstanding > 1 {
            partial.attachments.reserve_exact(partial.outstanding);
            partial.attachments.push(data);
            partial.outstanding -= 1;
            self.partial = Some(partial);
            return Ok(None);
        }
        let Partial {
            mut incoming,
            mut attachments,
            ..
        } = *partial;
        if let Some((_, args)) = incoming.parts_mut() {
            args.attach(if attachments.is_empty() {
                Attachments::One(data)
            } else {
                attachments.push(data);
                Attachments::Some(attachments.into())
            });
        }
        Ok(Some(incoming))
    }
}

impl Partial {
    fn set_apart(&mut self) {
        if !std::mem::replace(&mut self.text_apart, true)
            && let Some((namespace, args)) = self.incoming.parts_mut()
        {
            *namespace = Bytes::copy_from_slice(namespace);
            args.set_apart();
        }
        for data in self.attachments.iter_mut().skip(self.apart) {
            if data.len() < COPY {
                *data = Bytes::copy_from_slice(data);
            }
        }
        self.apart = self.attachments.len();
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

    /// The namespace and the arguments of what can have attachments.
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
