//! The events that the reader returns, violations among them.

use std::fmt;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::{engine::breach::Breach, wire::HeaderError};

/// What [`Reader::next`](super::reader::Reader::next) has read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadEvent {
    /// A message, which is in the caller's `message`.
    Message {
        /// RSV1 was set: the message is compressed, and its text is not validated.
        compressed: bool,
    },
    /// A part of a message that goes on in another frame.
    Fragment,
    /// A ping and its payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// The peer closes. The payload belongs into the close frame that answers it.
    Close(Bytes),
    /// The peer broke the protocol. Nothing more can be read.
    Violation(Violation),
}

/// How a peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Header(HeaderError),
    Unmasked,
    ReservedBits,
    UnexpectedContinuation,
    ExpectedContinuation,
    InvalidUtf8,
    ClosePayload,
    /// A compressed message that can't be inflated.
    Corrupt,
    /// A compressed message of many bytes that is a packet of Engine.IO's own.
    LongPacket,
    /// A limit was exceeded.
    Limit(Breach),
}

impl Violation {
    /// The code of the close frame (RFC 6455 section 7.4.1).
    pub(super) fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::Corrupt => CloseCode::Invalid,
            Self::Limit(Breach::TooLong { .. } | Breach::InflatesTooLong { .. }) => CloseCode::Size,
            Self::Limit(_) => CloseCode::Policy,
            Self::Header(_)
            | Self::Unmasked
            | Self::ReservedBits
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::ClosePayload
            | Self::LongPacket => CloseCode::Protocol,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header(error) => return error.fmt(f),
            Self::Limit(breach) => return breach.fmt(f),
            Self::Unmasked => "frame without a mask",
            Self::ReservedBits => "reserved bit that no extension uses",
            Self::UnexpectedContinuation => "continuation of no message",
            Self::ExpectedContinuation => "new message inside a fragmented one",
            Self::InvalidUtf8 => "text that is not UTF-8",
            Self::ClosePayload => "close frame with a payload of one byte",
            Self::Corrupt => "compressed message that can't be inflated",
            Self::LongPacket => "compressed Engine.IO packet of many bytes that is no message",
        })
    }
}
