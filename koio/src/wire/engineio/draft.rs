//! [`PacketBuffer`]: a packet that is being written. [`Draft`]: a complete one that is not queued yet.

use std::cell::Cell;

use bytes::{Buf, Bytes};

use super::frame::Frame;
#[cfg(any(test, feature = "msgpack"))]
use super::frame::Part;
use crate::wire::{FrameHeader, Opcode};

/// Room for what a Socket.IO packet may have to insert before its text: the count of its attachments, `10-`.
const COUNT_ROOM: usize = 3;

/// Where the text begins in its buffer. Before it is room for the frame header and [`COUNT_ROOM`], which are known only
/// when the text is complete.
pub(in crate::wire) const TEXT_START: usize = FrameHeader::MAX_UNMASKED_LEN + COUNT_ROOM;

/// Packets up to this size are written into the thread's buffer and copied out of it; a longer text keeps the buffer as
/// its own memory, and the next packet grows a new buffer. Without the thread's buffer an echo took 4,409 instructions
/// instead of 3,665.
const MAX_COPIED: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<PacketBuffer>>> = const { Cell::new(None) };
}

/// The buffers of a packet that is being written: one text, and binary messages as complete frames.
///
/// Always boxed, so that passing it on moves one pointer.
#[derive(Debug, Default)]
pub(in crate::wire) struct PacketBuffer {
    /// The text follows [`TEXT_START`] bytes of scratch space.
    pub(in crate::wire) text: Vec<u8>,
    pub(in crate::wire) binaries: BinaryFrames,
    /// Where the frame header of the text begins. Set by [`seal`](Self::seal).
    begin: usize,
    /// It is sent as it is, also to clients that take compressed messages.
    uncompressed: bool,
}

/// Binary messages as complete frames.
#[derive(Debug, Default)]
pub(in crate::wire) struct BinaryFrames {
    frames: Vec<u8>,
    /// How many messages there are.
    pub(in crate::wire) count: usize,
}

impl BinaryFrames {
    /// Appends a message.
    pub(in crate::wire) fn push(&mut self, data: &[u8]) {
        let header = FrameHeader::unmasked(Opcode::Binary, data.len()).encode();
        self.frames.reserve(header.len() + data.len());
        self.frames.extend_from_slice(&header);
        self.frames.extend_from_slice(data);
        self.count += 1;
    }
}

impl PacketBuffer {
    /// An empty buffer: the thread's spare one, or a new one if that is in use (a user's `Serialize` may itself write a
    /// packet). Dropping the [`Draft`] makes it the spare one again.
    pub(in crate::wire) fn take_spare() -> Box<Self> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut buffer = spare.unwrap_or_default();
        buffer.text.resize(TEXT_START, 0);
        buffer.binaries.frames.clear();
        buffer.binaries.count = 0;
        buffer.uncompressed = false;
        buffer
    }

    /// Ends a packet whose text is everything from `start` on.
    ///
    /// The frame header is written right before `start`, so that the length of the text need not be known before.
    /// Bytes before the header are scratch space.
    pub(in crate::wire) fn seal(mut self: Box<Self>, start: usize) -> Draft {
        self.write_header(start, Opcode::Text);
        Draft(Some(self))
    }

    #[inline(always)]
    fn write_header(&mut self, start: usize, opcode: Opcode) {
        let len = self.text.len().saturating_sub(start);
        let header = FrameHeader::unmasked(opcode, len).encode();
        let begin = start.saturating_sub(header.len());
        let room = self.text.get_mut(begin..start);
        debug_assert!(
            start >= header.len() && room.is_some(),
            "TEXT_START leaves room"
        );
        if let Some(room) = room {
            room.copy_from_slice(&header);
        }
        self.begin = begin;
    }

    /// Ends a packet whose text begins at [`TEXT_START`].
    pub(in crate::wire) fn seal_text(self: Box<Self>) -> Draft {
        self.seal(TEXT_START)
    }

    /// The text with its header.
    fn text_frame(&self) -> &[u8] {
        debug_assert!(self.begin <= self.text.len(), "`begin` lies in the text");
        self.text.get(self.begin..).unwrap_or_default()
    }

    /// Moves the binary frames behind the text.
    fn join(&mut self) {
        self.text.append(&mut self.binaries.frames);
    }
}

/// A complete packet, still in the buffer that it was written in.
///
/// Has the same bytes as a [`Frame`]. A packet for one client is copied from here into the connection's buffer, and needs no
/// allocation of its own.
///
/// The `Option` is `None` only while the draft is dropped.
#[derive(Debug)]
pub(crate) struct Draft(Option<Box<PacketBuffer>>);

impl Draft {
    /// The text with its header, and the binary frames.
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        match &self.0 {
            Some(buffer) => [buffer.text_frame(), &buffer.binaries.frames],
            None => [&[]; 2],
        }
    }

    /// The messages, one by one.
    #[cfg(any(test, feature = "msgpack"))]
    pub(in crate::wire) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.pieces().into_iter().flat_map(Frame::parts_of)
    }

    /// Becomes this binary message, in the same buffer.
    #[cfg(any(test, feature = "msgpack"))]
    pub(in crate::wire) fn replace_by_binary(&mut self, data: &[u8]) {
        if let Some(buffer) = &mut self.0 {
            buffer.text.truncate(TEXT_START);
            buffer.text.extend_from_slice(data);
            buffer.binaries.frames.clear();
            buffer.binaries.count = 0;
            buffer.write_header(TEXT_START, Opcode::Binary);
        }
    }

    /// Says that it is sent as it is, also to clients that take compressed messages.
    pub(crate) fn leave_uncompressed(&mut self) {
        if let Some(buffer) = &mut self.0 {
            buffer.uncompressed = true;
        }
    }

    pub(super) fn is_left_uncompressed(&self) -> bool {
        self.0.as_ref().is_some_and(|buffer| buffer.uncompressed)
    }

    /// How many bytes a WebSocket writes.
    pub(crate) fn len(&self) -> usize {
        let [text, binaries] = self.pieces();
        text.len() + binaries.len()
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> u16 {
        let binaries = self.0.as_ref().map_or(0, |buffer| buffer.binaries.count);
        u16::try_from(binaries)
            .unwrap_or(u16::MAX)
            .saturating_add(1)
    }

    /// All bytes in one piece.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        match &mut self.0 {
            Some(buffer) => {
                buffer.join();
                buffer.text_frame()
            }
            None => &[],
        }
    }

    /// Appends all bytes to `frames`.
    pub(crate) fn append_to(&self, frames: &mut Vec<u8>) {
        let [text, binaries] = self.pieces();
        frames.extend_from_slice(text);
        frames.extend_from_slice(binaries);
    }

    /// The packet in memory of its own.
    pub(crate) fn into_frame(mut self) -> Frame {
        self.take()
    }

    /// A copy of the packet.
    pub(crate) fn copied(&self) -> Frame {
        let mut bytes = Vec::with_capacity(self.len());
        self.append_to(&mut bytes);
        Frame::new(bytes, self.messages()).leave_uncompressed(self.is_left_uncompressed())
    }

    /// [`into_frame`](Self::into_frame) for a borrowed draft, which must not be used afterwards.
    pub(crate) fn take(&mut self) -> Frame {
        let len = self.len();
        let messages = self.messages();
        let bytes = match &mut self.0 {
            Some(buffer) if len > MAX_COPIED => {
                buffer.join();
                let mut bytes = Bytes::from(std::mem::take(&mut buffer.text));
                bytes.advance(buffer.begin);
                bytes
            }
            _ => {
                // `Bytes` needs no second allocation for a vector that is exactly full, as long as it is not cloned.
                let mut exact = Vec::with_capacity(len);
                self.append_to(&mut exact);
                exact.into()
            }
        };
        Frame::new(bytes, messages).leave_uncompressed(self.is_left_uncompressed())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(mut buffer) = self.0.take() {
            for bytes in [&mut buffer.text, &mut buffer.binaries.frames] {
                if bytes.capacity() > 2 * MAX_COPIED {
                    *bytes = Vec::new();
                }
            }
            // Fails only while the thread ends.
            let _ = SPARE.try_with(|spare| spare.set(Some(buffer)));
        }
    }
}
