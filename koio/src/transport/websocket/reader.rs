//! Reads WebSocket frames as a server (RFC 6455): bytes in; messages, control frames and violations out. No I/O.
//!
//! Most messages come in one frame that is complete when it is read. Such frames are unmasked in the read buffer and
//! copied out of it together ([`Reader::take_batch`]); messages are slices of that copy. Every other frame is read
//! piece by piece into an [`Unfinished`], which exists only while a frame or a message is incomplete.

use std::fmt;

use bytes::{Buf, Bytes};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::mask::unmask;
use crate::{
    engine::EngineConfig,
    transport::read_buffer::ReadBuffer,
    wire::{FrameHeader, HeaderError, Message, Opcode},
};

/// Whole frames are copied together until they have this many bytes: one allocation for all of them.
const BATCH: usize = 8 * 1024;
/// The most that is reserved when a frame begins, whatever length it announces.
const MAX_RESERVE: usize = 64 * 1024;

/// Reads the frames of one connection.
#[derive(Debug)]
pub(super) struct Reader {
    limits: Limits,
    /// Frames of whole messages: their headers as received, their payloads unmasked.
    batch: Bytes,
    /// Boxed, so that an idle connection has no room for it.
    unfinished: Option<Box<Unfinished>>,
}

/// What [`Reader::next`] has read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadEvent {
    /// A message, which is in the place that the caller gave.
    Message {
        /// RSV1 was set: the message is compressed, and its text is not validated.
        compressed: bool,
    },
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
    TooLong,
    TooManyFragments,
}

impl Violation {
    /// The code of the close frame (RFC 6455 section 7.4.1).
    pub(super) fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 => CloseCode::Invalid,
            Self::TooLong => CloseCode::Size,
            Self::TooManyFragments => CloseCode::Policy,
            Self::Header(_)
            | Self::Unmasked
            | Self::ReservedBits
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::ClosePayload => CloseCode::Protocol,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header(error) => return error.fmt(f),
            Self::Unmasked => "frame without a mask",
            Self::ReservedBits => "reserved bit that no extension uses",
            Self::UnexpectedContinuation => "continuation of no message",
            Self::ExpectedContinuation => "new message inside a fragmented one",
            Self::InvalidUtf8 => "text that is not UTF-8",
            Self::ClosePayload => "close frame with a payload of one byte",
            Self::TooLong => "message longer than max_payload",
            Self::TooManyFragments => "message in more than max_fragments frames",
        })
    }
}

/// The reserved bits that a negotiated extension gives a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReservedBits {
    /// No extension is negotiated.
    None,
    /// RSV1 on the first frame of a message: it is compressed (RFC 7692 section 6).
    Rsv1,
}

/// What frames are checked against. In 32 bits because every connection has them; `max_payload` is at most 1 GiB.
#[derive(Clone, Copy, Debug)]
struct Limits {
    max_payload: u32,
    max_fragments: u32,
}

impl Limits {
    /// Checks a header. `unfinished` is the message that the frame may continue.
    fn check(
        self,
        header: &FrameHeader,
        reserved: ReservedBits,
        unfinished: Option<&UnfinishedMessage>,
    ) -> Result<(), Violation> {
        let max_payload = u64::from(self.max_payload);
        if header.payload_len > max_payload {
            return Err(Violation::TooLong);
        }
        if header.mask.is_none() {
            return Err(Violation::Unmasked);
        }
        let starts_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        let rsv1_allowed = starts_message && reserved == ReservedBits::Rsv1;
        if (header.rsv1 && !rsv1_allowed) || header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBits);
        }
        match (header.opcode, unfinished) {
            (Opcode::Continuation, None) => Err(Violation::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(Violation::ExpectedContinuation),
            (Opcode::Continuation, Some(message))
                if message.payload.len() as u64 + header.payload_len > max_payload =>
            {
                Err(Violation::TooLong)
            }
            _ => Ok(()),
        }
    }
}

impl Reader {
    pub(super) fn new(config: &EngineConfig) -> Self {
        Self {
            limits: Limits {
                max_payload: config.max_payload.try_into().unwrap_or(u32::MAX),
                max_fragments: config.max_fragments.try_into().unwrap_or(u32::MAX),
            },
            batch: Bytes::new(),
            unfinished: None,
        }
    }

    /// Whether a frame or a fragmented message is incomplete.
    pub(super) fn is_partial(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Drops everything that was read and not returned.
    pub(super) fn stop(&mut self) {
        self.batch = Bytes::new();
        self.unfinished = None;
    }

    /// Reads up to the next event. Returns `None` when the input is consumed and more is needed. `reserved`: what was
    /// negotiated, the same in every call.
    pub(super) fn next(
        &mut self,
        input: &mut ReadBuffer,
        reserved: ReservedBits,
        message: &mut Message,
    ) -> Option<ReadEvent> {
        loop {
            if let Some(event) = self.next_of_batch(message) {
                return Some(event);
            }
            if input.is_empty() {
                return None;
            }
            if self.unfinished.is_none() && self.take_batch(input, reserved) {
                continue;
            }
            match self.read_frame(input, reserved, message) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(event),
                Err(violation) => return Some(ReadEvent::Violation(violation)),
            }
        }
    }

    /// The next message of the batch.
    fn next_of_batch(&mut self, message: &mut Message) -> Option<ReadEvent> {
        let (header, start) = FrameHeader::parse(&self.batch).ok().flatten()?;
        let end = start.checked_add(usize::try_from(header.payload_len).ok()?)?;
        let mut payload = self.batch.split_to(end);
        if self.batch.is_empty() {
            // An empty slice would keep the batch allocated.
            self.batch = Bytes::new();
        }
        payload.advance(start);
        let compressed = header.rsv1;
        *message = match header.opcode {
            Opcode::Binary => Message::Binary(payload),
            _ if compressed || is_utf8(&payload) => Message::Text(payload),
            _ => return Some(ReadEvent::Violation(Violation::InvalidUtf8)),
        };
        Some(ReadEvent::Message { compressed })
    }

    /// Moves complete frames that each carry a whole message from the input to the batch. Returns whether there was
    /// one.
    fn take_batch(&mut self, input: &mut ReadBuffer, reserved: ReservedBits) -> bool {
        let bytes = input.unread_mut();
        let mut end = 0;
        while end < BATCH {
            let frame = bytes.get_mut(end..).unwrap_or_default();
            let Ok(Some((header, start))) = FrameHeader::parse(frame) else {
                break;
            };
            if !header.fin
                || header.opcode.is_control()
                || self.limits.check(&header, reserved, None).is_err()
            {
                break;
            }
            // Within max_payload, so neither the conversion nor the sum overflows.
            let length = start + header.payload_len as usize;
            let Some(payload) = frame.get_mut(start..length) else {
                break;
            };
            unmask(header.mask.unwrap_or_default(), payload);
            end += length;
        }
        if end == 0 {
            return false;
        }
        self.batch = bytes.get(..end).unwrap_or_default().to_vec().into();
        input.consume(end);
        true
    }

    /// Reads any frame, or as much of it as the input has. Consumes at least one byte unless it fails.
    fn read_frame(
        &mut self,
        input: &mut ReadBuffer,
        reserved: ReservedBits,
        message: &mut Message,
    ) -> Result<Option<ReadEvent>, Violation> {
        let unfinished = self.unfinished.get_or_insert_default();
        let mut frame = match unfinished.frame.take() {
            Some(frame) => frame,
            None => {
                let Some(header) = unfinished.header.complete(input)? else {
                    return Ok(None);
                };
                self.limits
                    .check(&header, reserved, unfinished.message.as_ref())?;
                unfinished.begin(header, self.limits.max_fragments)?
            }
        };
        let payload = unfinished.payload(frame.header.opcode);
        let bytes = input.unread();
        let count = frame.missing.min(bytes.len());
        payload.extend_from_slice(bytes.get(..count).unwrap_or_default());
        input.consume(count);
        frame.missing -= count;
        if frame.missing > 0 {
            unfinished.frame = Some(frame);
            return Ok(None);
        }
        let own = payload.get_mut(frame.start..).unwrap_or_default();
        unmask(frame.header.mask.unwrap_or_default(), own);
        let event = if frame.header.opcode.is_control() {
            Some(unfinished.end_control(frame.header.opcode)?)
        } else {
            unfinished.end_fragment(frame.header.fin, message)?
        };
        if unfinished.message.is_none() {
            self.unfinished = None;
        }
        Ok(event)
    }
}

#[cfg(test)]
impl Reader {
    /// Whether it holds no bytes.
    pub(super) fn is_at_rest(&self) -> bool {
        self.batch.is_empty() && self.unfinished.is_none()
    }
}

/// A frame, or a message in fragments, that is incomplete.
#[derive(Debug, Default)]
struct Unfinished {
    header: UnfinishedHeader,
    frame: Option<UnfinishedFrame>,
    message: Option<UnfinishedMessage>,
    /// The payload of a control frame, which may stand between the fragments of a message.
    control: Vec<u8>,
}

/// A frame whose header is complete.
#[derive(Debug)]
struct UnfinishedFrame {
    header: FrameHeader,
    /// Where its payload begins in that of its message.
    start: usize,
    missing: usize,
}

/// A message whose first frame has begun.
#[derive(Debug, Default)]
struct UnfinishedMessage {
    is_text: bool,
    compressed: bool,
    /// Frames that were not the last.
    fragments: u32,
    payload: Vec<u8>,
    /// Up to here the payload is valid UTF-8.
    valid_to: usize,
}

impl Unfinished {
    /// Begins the frame of a checked header.
    fn begin(
        &mut self,
        header: FrameHeader,
        max_fragments: u32,
    ) -> Result<UnfinishedFrame, Violation> {
        // Within max_payload.
        let missing = header.payload_len as usize;
        if header.opcode.is_control() {
            self.control.clear();
            return Ok(UnfinishedFrame {
                header,
                start: 0,
                missing,
            });
        }
        let message = self.message.get_or_insert_with(|| UnfinishedMessage {
            is_text: header.opcode == Opcode::Text,
            compressed: header.rsv1,
            ..UnfinishedMessage::default()
        });
        if !header.fin {
            message.fragments += 1;
            if message.fragments > max_fragments {
                return Err(Violation::TooManyFragments);
            }
        }
        message.payload.reserve_exact(missing.min(MAX_RESERVE));
        Ok(UnfinishedFrame {
            header,
            start: message.payload.len(),
            missing,
        })
    }

    /// Where the payload of a frame goes.
    fn payload(&mut self, opcode: Opcode) -> &mut Vec<u8> {
        match &mut self.message {
            Some(message) if !opcode.is_control() => &mut message.payload,
            _ => &mut self.control,
        }
    }

    fn end_control(&mut self, opcode: Opcode) -> Result<ReadEvent, Violation> {
        let payload = Bytes::from(std::mem::take(&mut self.control));
        Ok(match opcode {
            Opcode::Ping => ReadEvent::Ping(payload),
            Opcode::Pong => ReadEvent::Pong,
            _ => ReadEvent::Close(close_answer(payload)?),
        })
    }

    /// Ends a frame of the message. Returns the message if that was the last.
    fn end_fragment(
        &mut self,
        fin: bool,
        message: &mut Message,
    ) -> Result<Option<ReadEvent>, Violation> {
        let Some(unfinished) = &mut self.message else {
            return Ok(None);
        };
        if unfinished.is_text && !unfinished.compressed {
            unfinished.validate(fin)?;
        }
        if !fin {
            return Ok(None);
        }
        let payload = Bytes::from(std::mem::take(&mut unfinished.payload));
        let compressed = unfinished.compressed;
        *message = if unfinished.is_text {
            Message::Text(payload)
        } else {
            Message::Binary(payload)
        };
        self.message = None;
        Ok(Some(ReadEvent::Message { compressed }))
    }
}

impl UnfinishedMessage {
    /// Validates the text of the frame that has ended. A character may be cut only where a fragment follows.
    fn validate(&mut self, fin: bool) -> Result<(), Violation> {
        let text = self.payload.get(self.valid_to..).unwrap_or_default();
        if is_utf8(text) {
            self.valid_to = self.payload.len();
            return Ok(());
        }
        match std::str::from_utf8(text) {
            Err(error) if error.error_len().is_none() && !fin => {
                self.valid_to += error.valid_up_to();
                Ok(())
            }
            _ => Err(Violation::InvalidUtf8),
        }
    }
}

/// A header of which bytes are missing.
#[derive(Debug, Default)]
struct UnfinishedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    length: usize,
}

impl UnfinishedHeader {
    /// Takes the rest of the header from the input. Returns `None` if that is not all there.
    fn complete(&mut self, input: &mut ReadBuffer) -> Result<Option<FrameHeader>, Violation> {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let mut count = 0;
        for (to, from) in room.iter_mut().zip(input.unread()) {
            *to = *from;
            count += 1;
        }
        let known = self.length + count;
        let bytes = self.bytes.get(..known).unwrap_or_default();
        let Some((header, length)) = FrameHeader::parse(bytes).map_err(Violation::Header)? else {
            self.length = known;
            input.consume(count);
            return Ok(None);
        };
        input.consume(length - self.length);
        self.length = 0;
        Ok(Some(header))
    }
}

/// The payload that answers a close frame: its own, unless its code is one that must not be sent.
fn close_answer(payload: Bytes) -> Result<Bytes, Violation> {
    let (code, reason) = match &*payload {
        [] => return Ok(payload),
        [_] => return Err(Violation::ClosePayload),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !is_utf8(reason) {
        return Err(Violation::InvalidUtf8);
    }
    if CloseCode::from(code).is_allowed() {
        return Ok(payload);
    }
    let [high, low] = u16::from(CloseCode::Protocol).to_be_bytes();
    Ok([&[high, low], &b"Protocol violation"[..]].concat().into())
}

/// Asks for ASCII first, which most texts are: that check costs a fraction of the other.
fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok()
}
