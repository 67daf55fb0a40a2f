//! The header of a Socket.IO packet: everything before its data.

use bytes::Bytes;
use memchr::memchr;

use super::args::{Attachments, RawArgs, check_data_shape, validate_data};
use super::{kind::PacketKind, limits::PacketLimits};
use crate::wire::{DecodeError, DecodeErrorKind};

/// The most digits of a decimal number that always fit in a `u64`.
const MAX_DIGITS: usize = 19;

/// The header of a packet, as offsets into its text.
pub(crate) struct PacketHeader {
    pub(super) kind: PacketKind,
    pub(super) binary: bool,
    /// Whether the data is known to be valid. Otherwise only its shape and depth are.
    validated: bool,
    pub(super) attachments: usize,
    pub(super) id: Option<u64>,
    /// Start and end of the namespace, if one is written.
    namespace: Option<(usize, usize)>,
    /// Where the data starts.
    pub(super) data: usize,
}

impl PacketHeader {
    /// Reads the header, and makes the checks of the data that reading its arguments does not make.
    #[inline]
    pub(super) fn decode(text: &[u8], limits: &PacketLimits) -> Result<Self, DecodeError> {
        let mut parser = HeaderParser { text, at: 0 };
        let (kind, binary) = parser.kind()?;
        let attachments = if binary {
            parser.attachments(limits)?
        } else {
            0
        };
        let namespace = parser.namespace();
        let id = match kind {
            // One that fits no `u64` becomes the greatest: official clients count from 0, and others may take what they like,
            // which the reference implementation rounds.
            PacketKind::Event | PacketKind::Ack => parser.digits(),
            _ => None,
        };
        let start = parser.at;
        let data = parser.unread();
        let in_text = |error: DecodeError| DecodeError::new(error.kind(), start + error.offset());
        check_data_shape(kind, data).map_err(in_text)?;
        let validated =
            validate_data(kind, data, binary.then_some(attachments), limits).map_err(in_text)?;
        Ok(Self {
            kind,
            binary,
            validated,
            attachments,
            id,
            namespace,
            data: start,
        })
    }

    /// Whether this is an event without attachments: nearly all packets are.
    pub(crate) fn is_whole_event(&self) -> bool {
        self.kind == PacketKind::Event && self.attachments == 0
    }

    /// The namespace, given the text that the header was read from. Shares its memory.
    #[inline]
    pub(crate) fn shared_namespace(&self, text: &Bytes) -> Bytes {
        match self.namespace {
            Some((start, end)) => text.slice(start..end),
            None => Bytes::from_static(b"/"),
        }
    }

    /// The arguments of this packet: the items of its list, or those behind the event name that ends at `name`.
    #[inline]
    pub(super) fn args(&self, packet: Bytes, name: Option<usize>) -> RawArgs {
        let attachments = if self.binary {
            Attachments::Empty
        } else {
            Attachments::None
        };
        RawArgs::new(packet, self.data, name, attachments, self.validated)
    }
}

/// A namespace that was cut out of a packet, as text.
#[inline]
pub(crate) fn namespace_str(name: &[u8]) -> &str {
    match name {
        // The most common one.
        b"/" => "/",
        name => {
            let name = std::str::from_utf8(name);
            debug_assert!(name.is_ok(), "packets are UTF-8, and `,` ends a character");
            name.unwrap_or_default()
        }
    }
}

/// Reads a header from left to right.
struct HeaderParser<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> HeaderParser<'a> {
    fn error<T>(&self, kind: DecodeErrorKind) -> Result<T, DecodeError> {
        Err(DecodeError::new(kind, self.at))
    }

    fn unread(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn kind(&mut self) -> Result<(PacketKind, bool), DecodeError> {
        let kind = match self.text.first() {
            Some(b'0') => (PacketKind::Connect, false),
            Some(b'1') => (PacketKind::Disconnect, false),
            Some(b'2') => (PacketKind::Event, false),
            Some(b'3') => (PacketKind::Ack, false),
            Some(b'4') => (PacketKind::ConnectError, false),
            Some(b'5') => (PacketKind::Event, true),
            Some(b'6') => (PacketKind::Ack, true),
            Some(_) => return self.error(DecodeErrorKind::UnknownType),
            None => return self.error(DecodeErrorKind::Empty),
        };
        self.at = 1;
        Ok(kind)
    }

    /// The count of attachments, which has no leading zeros, and the `-` behind it.
    fn attachments(&mut self, limits: &PacketLimits) -> Result<usize, DecodeError> {
        let start = self.at;
        let count = self.digits();
        let len = self.at - start;
        if len > MAX_DIGITS || len > 1 && self.text.get(start) == Some(&b'0') {
            return Err(DecodeError::new(DecodeErrorKind::Attachments, start));
        }
        if self.unread().first() != Some(&b'-') {
            return self.error(DecodeErrorKind::Attachments);
        }
        self.at += 1;
        match count.map(usize::try_from) {
            // As the reference parser since 4.2.7: a packet without attachments is no binary packet.
            Some(Ok(0)) => Err(DecodeError::new(DecodeErrorKind::Attachments, start)),
            Some(Ok(count)) if count <= limits.attachments => Ok(count),
            Some(Ok(count)) => Err(DecodeError::new(DecodeErrorKind::TooManyAttachments, count)),
            Some(Err(_)) => self.error(DecodeErrorKind::Attachments),
            None => Err(DecodeError::new(DecodeErrorKind::Attachments, start)),
        }
    }

    fn namespace(&mut self) -> Option<(usize, usize)> {
        let unread = self.unread();
        if unread.first() != Some(&b'/') {
            return None;
        }
        let comma = memchr(b',', unread);
        let len = comma.unwrap_or(unread.len());
        let namespace = (self.at, self.at + len);
        self.at += len + usize::from(comma.is_some());
        Some(namespace)
    }

    /// A decimal number, `u64::MAX` if it is greater, or `None` if there is no digit.
    // Always inlined: it is on the way of every event that asks.
    #[inline(always)]
    fn digits(&mut self) -> Option<u64> {
        let (mut number, mut len) = (0_u64, 0);
        let unread = self.unread();
        while let Some(digit @ b'0'..=b'9') = unread.get(len) {
            let shifted = number.checked_mul(10);
            let next = shifted.and_then(|number| number.checked_add((digit - b'0').into()));
            number = next.unwrap_or(u64::MAX);
            len += 1;
        }
        self.at += len;
        (len > 0).then_some(number)
    }
}
