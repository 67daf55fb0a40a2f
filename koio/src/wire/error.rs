//! Errors: bytes that are not a packet, and values that can't be sent.

use std::fmt;

/// Why bytes from the peer are not a packet, and where.
///
/// Each of them ends the connection, since nothing behind an undecodable packet can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    kind: DecodeErrorKind,
    offset: usize,
}

impl DecodeError {
    /// An error of this kind, at this byte of the text.
    #[must_use]
    pub const fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The byte at which the error was found, counted from the start of the text. Where a count or a sum is above its limit
    /// ([`TooManyAttachments`](DecodeErrorKind::TooManyAttachments),
    /// [`AttachmentsTooLong`](DecodeErrorKind::AttachmentsTooLong)) it is that number instead.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DecodeErrorKind::TooManyAttachments | DecodeErrorKind::AttachmentsTooLong => {
                write!(f, "{}: {}", self.kind.text(), self.offset)
            }
            kind => write!(f, "{} at byte {}", kind.text(), self.offset),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The ways in which bytes fail to be a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// A packet of no bytes.
    Empty,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A type digit that does not exist.
    UnknownType,
    /// A `b` packet of a polling payload that is not padded base64.
    Base64,
    /// The length before a packet of a polling payload of revision 3 is no number, or more than there is.
    PacketLength,
    /// The count of attachments is missing, malformed, or given where there can be none.
    Attachments,
    /// More attachments than the limit.
    TooManyAttachments,
    /// The attachments of one packet together are longer than the limit.
    AttachmentsTooLong,
    /// Text while attachments were outstanding.
    TextWithinBinary,
    /// Binary that no packet announced.
    UnexpectedBinary,
    /// Data of a shape that the packet's type does not have.
    Payload,
    /// An event name that is neither a string nor a finite number.
    EventName,
    /// A reserved event name.
    ReservedName,
    /// A placeholder that points at no attachment.
    Placeholder,
    /// Text that is not JSON.
    Json,
    /// Bytes that are not one map of msgpack.
    Msgpack,
    /// JSON nested deeper than the limit.
    TooDeep,
}

impl DecodeErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Empty => "empty packet",
            Self::NotUtf8 => "text is not utf-8",
            Self::UnknownType => "unknown packet type",
            Self::Base64 => "invalid base64",
            Self::PacketLength => "invalid length of a packet",
            Self::Attachments => "invalid attachment count",
            Self::TooManyAttachments => "too many attachments",
            Self::AttachmentsTooLong => "attachments too long",
            Self::TextWithinBinary => "text while attachments are outstanding",
            Self::UnexpectedBinary => "binary that no packet announced",
            Self::Payload => "data does not fit the packet type",
            Self::EventName => "invalid event name",
            Self::ReservedName => "reserved event name",
            Self::Placeholder => "placeholder without an attachment",
            Self::Json => "invalid json",
            Self::Msgpack => "invalid msgpack",
            Self::TooDeep => "json nested too deep",
        }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Longest text, in bytes, that may quote the peer's data. The data itself may be a megabyte long.
const MAX_QUOTE: usize = 256;

/// Cuts a text that may quote the peer's data, so that it fills neither logs nor answers.
pub(crate) fn shorten(mut text: String) -> String {
    text.truncate(shortened(&text).len());
    text
}

/// The beginning of such a text.
pub(crate) fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_QUOTE);
    text.get(..end).unwrap_or_default()
}

/// Why a value cannot be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event name is reserved.
    ReservedName,
    /// More than [`MAX_ATTACHMENTS`](super::MAX_ATTACHMENTS) binaries: official clients drop the connection.
    TooManyAttachments,
    /// The value has binaries, and also an object with a `_placeholder` key, which the receiver would take for a binary.
    PlaceholderKey,
    /// The value's own `Serialize` failed, or it has no JSON form.
    Serialize(serde_json::Error),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedName => f.write_str("reserved event name"),
            Self::TooManyAttachments => f.write_str("too many attachments"),
            Self::PlaceholderKey => {
                f.write_str("a `_placeholder` key cannot travel beside binary data")
            }
            Self::Serialize(error) => write!(f, "cannot serialize: {error}"),
        }
    }
}

impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Serialize(error) => Some(error),
            _ => None,
        }
    }
}
