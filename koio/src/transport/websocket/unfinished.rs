//! Incomplete frames and messages.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::event::{ReadEvent, Violation};
use crate::{
    engine::{breach::Breach, transport::Arriving},
    transport::read_buffer::ReadBuffer,
    wire::{FrameHeader, Message, Opcode},
};

/// The most that is reserved when a frame begins, whatever length it announces.
const MAX_RESERVE: usize = 64 * 1024;

/// The most room that a message keeps beyond its length: it grows as its bytes come, by doubling, and is counted by its length.
const MAX_SPARE: usize = 64 * 1024;

/// A frame, or a message in fragments, that is incomplete.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    pub(super) header: UnfinishedHeader,
    pub(super) frame: Option<UnfinishedFrame>,
    message: Option<UnfinishedMessage>,
    /// The payload of a control frame, which may stand between the fragments of a message.
    control: Vec<u8>,
}

/// A frame whose header is complete.
#[derive(Debug)]
pub(super) struct UnfinishedFrame {
    pub(super) header: FrameHeader,
    /// Where its payload begins in that of its message.
    pub(super) start: usize,
    pub(super) missing: usize,
}

/// A message whose first frame has begun.
#[derive(Debug, Default)]
struct UnfinishedMessage {
    is_text: bool,
    compressed: bool,
    /// Frames that have begun.
    fragments: u32,
    payload: Vec<u8>,
    /// Up to here the payload is valid UTF-8.
    valid_to: usize,
}

impl Unfinished {
    /// How much has arrived: of the message, or of a frame that belongs to none.
    pub(super) fn arriving(&self) -> Arriving {
        let frame = self.frame.as_ref();
        let (bytes, missing) = match (&self.message, frame) {
            // A control frame inside a message does not take the message further.
            (Some(message), Some(frame)) if frame.header.opcode.is_control() => {
                (message.payload.len(), 0)
            }
            (Some(message), frame) => {
                let missing = frame.map_or(0, |frame| frame.missing);
                (message.payload.len(), missing)
            }
            (None, frame) => {
                let bytes = self.header.length + self.control.len();
                (bytes, frame.map_or(0, |frame| frame.missing))
            }
        };
        Arriving {
            is_judged: false,
            bytes: bytes as u64,
            expected: if missing > 0 { bytes + missing } else { 0 } as u64,
        }
    }

    /// How long the unfinished message is so far, if there is one.
    pub(super) fn message_len(&self) -> Option<usize> {
        self.message.as_ref().map(|message| message.payload.len())
    }

    /// Begins the frame of a checked header.
    pub(super) fn begin(
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
        message.fragments += 1;
        if message.fragments > max_fragments {
            let max = max_fragments;
            return Err(Violation::Limit(Breach::TooManyFragments { max }));
        }
        if message.fragments == 1 {
            message.payload.reserve_exact(missing.min(MAX_RESERVE));
        }
        Ok(UnfinishedFrame {
            header,
            start: message.payload.len(),
            missing,
        })
    }

    /// Where the payload of a frame goes.
    pub(super) fn payload(&mut self, opcode: Opcode) -> &mut Vec<u8> {
        match &mut self.message {
            Some(message) if !opcode.is_control() => &mut message.payload,
            _ => &mut self.control,
        }
    }

    pub(super) fn end_control(&mut self, opcode: Opcode) -> Result<ReadEvent, Violation> {
        let payload = Bytes::from(std::mem::take(&mut self.control));
        Ok(match opcode {
            Opcode::Ping => ReadEvent::Ping(payload),
            Opcode::Pong => ReadEvent::Pong,
            _ => ReadEvent::Close(close_answer(payload)?),
        })
    }

    /// Ends a frame of the message. Returns the message if that was the last, else [`ReadEvent::Fragment`].
    pub(super) fn end_fragment(
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
            return Ok(Some(ReadEvent::Fragment));
        }
        let mut payload = std::mem::take(&mut unfinished.payload);
        if payload.capacity() - payload.len() > MAX_SPARE {
            payload.shrink_to_fit();
        }
        let payload = Bytes::from(payload);
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

/// An incomplete header.
#[derive(Debug, Default)]
pub(super) struct UnfinishedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    length: usize,
}

impl UnfinishedHeader {
    /// Takes the missing bytes of the header from the input. Returns `None` if the input does not have all of them.
    pub(super) fn complete(
        &mut self,
        input: &mut ReadBuffer,
    ) -> Result<Option<FrameHeader>, Violation> {
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

/// Whether a text is UTF-8. Most texts are ASCII, which `is_ascii` sees without decoding.
pub(super) fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok()
}
