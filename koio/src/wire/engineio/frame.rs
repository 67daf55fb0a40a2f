//! Messages to send, in the form in which a WebSocket writes them.

use bytes::{Buf, Bytes};

use crate::wire::{FrameHeader, Opcode};

/// One or more Engine.IO messages that must stay next to each other: a Socket.IO packet and its attachments.
///
/// Holds them as unmasked WebSocket frames, end to end, headers included. Those bytes are the same for every recipient,
/// so a broadcast is encoded once, and a clone costs a reference count. Polling takes the messages out with
/// [`parts`](Self::parts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    messages: u16,
    /// It is sent as it is, also to clients that take compressed messages.
    uncompressed: bool,
}

/// One message of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Whether it is text, which starts with the Engine.IO type digit. Binary has no digit.
    pub text: bool,
    /// The text or the binary data.
    pub payload: &'a [u8],
}

impl Frame {
    /// A frame of complete WebSocket frames, which hold `messages` messages.
    pub(crate) fn new(bytes: impl Into<Bytes>, messages: u16) -> Self {
        Self {
            bytes: bytes.into(),
            messages,
            uncompressed: false,
        }
    }

    /// Says that it is sent as it is, also to clients that take compressed messages.
    pub(crate) fn leave_uncompressed(mut self, leaves: bool) -> Self {
        self.uncompressed = leaves;
        self
    }

    /// Whether it is sent as it is to everybody.
    #[must_use]
    pub fn is_left_uncompressed(&self) -> bool {
        self.uncompressed
    }

    /// The frames as a WebSocket writes them.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// [`bytes`](Self::bytes) by value.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The bytes that a WebSocket must still write after the first `written` ones.
    pub(crate) fn unwritten(&self, written: usize) -> Self {
        let mut unwritten = self.clone();
        unwritten.bytes.advance(written.min(unwritten.bytes.len()));
        unwritten
    }

    /// This frame and `others` behind it, as one.
    pub(crate) fn followed_by(&self, others: impl IntoIterator<Item = Self>) -> Self {
        let mut bytes = self.bytes.to_vec();
        let mut messages = self.messages;
        for other in others {
            bytes.extend_from_slice(&other.bytes);
            messages = messages.saturating_add(other.messages);
        }
        Self {
            bytes: bytes.into(),
            messages,
            uncompressed: self.uncompressed,
        }
    }

    /// How many bytes a WebSocket writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to write. No constructor makes such a frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many messages there are.
    #[must_use]
    pub fn messages(&self) -> usize {
        usize::from(self.messages)
    }

    /// The messages, one by one.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            frames: &self.bytes,
        }
    }

    /// The messages of complete frames.
    pub(super) fn parts_of(frames: &[u8]) -> Parts<'_> {
        Parts { frames }
    }

    /// The text, if this is a single text message.
    pub(super) fn into_text(mut self) -> Result<Bytes, Self> {
        let mut parts = self.parts();
        let header = match (parts.next(), parts.frames) {
            (Some(part), []) if part.text => self.len() - part.payload.len(),
            _ => return Err(self),
        };
        self.bytes.advance(header);
        Ok(self.bytes)
    }
}

/// The messages of a [`Frame`], in order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// Those that have not been taken.
    frames: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The frames of the messages that have not been taken.
    pub(super) fn unread(&self) -> &'a [u8] {
        self.frames
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        // A `Frame` never holds a frame that is cut short, so this ends only where the bytes do.
        let (header, start) = FrameHeader::parse(self.frames).ok().flatten()?;
        let frame = self.frames.get(start..)?;
        let (payload, behind) =
            frame.split_at_checked(usize::try_from(header.payload_len).ok()?)?;
        self.frames = behind;
        Some(Part {
            text: header.opcode == Opcode::Text,
            payload,
        })
    }
}
