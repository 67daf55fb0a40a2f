//! Reads WebSocket frames as a server (RFC 6455): bytes in; messages, control frames and violations out. No I/O.
//!
//! Most messages come in one frame that is complete when it is read. Such frames are unmasked in the read buffer and
//! copied out of it together ([`Reader::take_batch`]); messages are slices of that copy. Every other frame is read
//! piece by piece into an [`Unfinished`], which exists only while a frame or a message is incomplete.

use bytes::{Buf, Bytes};

use super::{
    event::{ReadEvent, Violation},
    limits::{Limits, ReservedBits},
    mask::unmask,
    unfinished::{Unfinished, is_utf8},
};
use crate::{
    engine::{EngineConfig, transport::Arriving},
    transport::read_buffer::ReadBuffer,
    wire::{FrameHeader, Message, Opcode},
};

/// Whole frames are copied together until they have this many bytes: one allocation for all of them.
const BATCH: usize = 8 * 1024;

/// Reads the frames of one connection.
#[derive(Debug)]
pub(super) struct Reader {
    limits: Limits,
    /// Frames of whole messages: their headers as received, their payloads unmasked.
    batch: Bytes,
    /// Boxed, to keep idle connections small.
    unfinished: Option<Box<Unfinished>>,
}

impl Reader {
    pub(super) fn new(config: &EngineConfig) -> Self {
        Self {
            limits: Limits::of(config),
            batch: Bytes::new(),
            unfinished: None,
        }
    }

    /// Bytes of one message.
    pub(super) fn max_payload(&self) -> usize {
        self.limits.max_payload()
    }

    /// How much has arrived of a frame or a fragmented message that is incomplete.
    pub(super) fn arriving(&self) -> Option<Arriving> {
        self.unfinished.as_deref().map(Unfinished::arriving)
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
                    .check(&header, reserved, unfinished.message_len())?;
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
        if unfinished.message_len().is_none() {
            self.unfinished = None;
        }
        Ok(event)
    }
}

#[cfg(test)]
impl Reader {
    /// Whether it holds no bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.unfinished.is_none()
    }
}
