//! Reading: the short way for whole frames.
//!
//! Nearly everything that a client sends is a message in one frame. Where one begins and all of its header is there,
//! all that is left to do is to unmask it and, for text, to see that it is UTF-8. Anything else (control frames,
//! fragments, half a header, whatever breaks the rules) is left where it is, for tungstenite.

use bytes::{Buf, Bytes};

use super::{super::read_buffer::ReadBuffer, read::Heard};
use crate::wire::Message;

/// FIN and the opcode of RFC 6455 section 5.2, without reserved bits.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// Bytes of whole frames that are taken together: one allocation, which the messages cut from it share.
const PIECE: usize = 8 * 1024;
/// Bytes that are made room for when a frame begins, however long it says that it will be.
const BEGUN: usize = 64 * 1024;

/// Whole frames, on their way from the block to the messages in them.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// Frames with their headers, as they came, and their payloads unmasked.
    frames: Bytes,
    begun: Option<Box<Begun>>,
}

/// A frame that is not all there.
#[derive(Debug)]
struct Begun {
    /// What there is of it, as it came.
    bytes: Vec<u8>,
    missing: usize,
}

/// The header of a frame that carries all of a message.
#[derive(Debug, Clone, Copy)]
struct Header {
    text: bool,
    mask: [u8; 4],
    /// Where the payload begins and ends.
    start: usize,
    end: usize,
}

impl Header {
    /// The header at the beginning of `bytes`, if it is one of those.
    fn read(bytes: &[u8], max_payload: usize) -> Option<Self> {
        let (&[first @ (TEXT | BINARY), second], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        if second & 0x80 == 0 {
            return None;
        }
        let (length, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
                (length, rest)
            }
            short => (usize::from(short), rest),
        };
        if length > max_payload {
            return None;
        }
        let (mask, rest) = rest.split_first_chunk()?;
        let start = bytes.len() - rest.len();
        Some(Self {
            text: first == TEXT,
            mask: *mask,
            start,
            end: start.checked_add(length)?,
        })
    }

    /// Unmasks the payload of the frame that `bytes` begin with.
    fn unmask(&self, bytes: &mut [u8]) {
        let payload = bytes.get_mut(self.start..self.end);
        apply(self.mask, payload.unwrap_or_default());
    }
}

impl Whole {
    /// Whether a frame is under way.
    pub(super) fn is_partial(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether there are frames that have been taken.
    pub(super) fn has_next(&self) -> bool {
        !self.frames.is_empty()
    }

    /// The next message of the frames that have been taken.
    pub(super) fn next(&mut self, message: &mut Message) -> Option<Heard> {
        let header = Header::read(&self.frames, usize::MAX)?;
        let mut frame = self.frames.split_to(header.end);
        if self.frames.is_empty() {
            // An empty rest would keep what all of them share.
            self.frames = Bytes::new();
        }
        frame.advance(header.start);
        *message = if !header.text {
            Message::Binary(frame)
        // Mostly it is, and that is seen in a fraction of the time.
        } else if frame.is_ascii() || simdutf8::basic::from_utf8(&frame).is_ok() {
            Message::Text(frame)
        } else {
            return Some(Heard::Violation(1007));
        };
        Some(Heard::Message)
    }

    /// Takes some of the frames that the block begins with, if their payloads are no longer than that. False when
    /// there are none, or not all of one.
    pub(super) fn take(&mut self, block: &mut ReadBuffer, max_payload: usize) -> bool {
        let bytes = block.closed_mut();
        if let Some(begun) = &mut self.begun {
            let count = begun.missing.min(bytes.len());
            begun
                .bytes
                .extend_from_slice(bytes.get(..count).unwrap_or_default());
            begun.missing -= count;
            block.take(count);
            let Some(begun) = self.begun.take_if(|begun| begun.missing == 0) else {
                return false;
            };
            let mut frame = begun.bytes;
            if let Some(header) = Header::read(&frame, usize::MAX) {
                header.unmask(&mut frame);
            }
            self.frames = frame.into();
            return true;
        }
        let mut end = 0;
        while end < PIECE {
            let rest = bytes.get_mut(end..).unwrap_or_default();
            match Header::read(rest, max_payload) {
                Some(header) if header.end <= rest.len() => {
                    header.unmask(rest);
                    end += header.end;
                }
                Some(header) if end == 0 => {
                    let mut bytes = Vec::with_capacity(header.end.min(BEGUN));
                    bytes.extend_from_slice(rest);
                    let missing = header.end - rest.len();
                    block.take(bytes.len());
                    self.begun = Some(Box::new(Begun { bytes, missing }));
                    return false;
                }
                _ => break,
            }
        }
        if end == 0 {
            return false;
        }
        self.frames = bytes.get(..end).unwrap_or_default().to_vec().into();
        block.take(end);
        true
    }
}

/// RFC 6455 section 5.3. Eight bytes at a time, which the compiler makes more of.
fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    let (half, tail) = tail.as_chunks_mut::<4>();
    for word in half {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}
