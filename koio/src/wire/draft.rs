//! A packet while it is written, and until it is where it goes.

use std::cell::Cell;

use bytes::{Buf, Bytes};

use super::frame::{self, Frame};
use super::{FrameHeader, Opcode};

/// Longest count of attachments, which is only known when the text behind it is written: `10-`.
const COUNT: usize = 3;

/// Where a text begins in its buffer, so that there is room for what comes before it.
pub(super) const TEXT_AT: usize = FrameHeader::MAX_UNMASKED_LEN + COUNT;

/// Packets up to this size are written into buffers of the thread, and copied out of them. A buffer that is given away
/// costs more: the next one grows from nothing, in pages that the kernel has to clear.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<Output>>> = const { Cell::new(None) };
}

/// A packet being written: its text, and its binaries as frames already.
///
/// It is always in its box: what is handed on that often is to be small.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The text is what follows [`TEXT_AT`] bytes of room.
    pub(super) text: Vec<u8>,
    /// Where its list begins.
    pub(super) list: usize,
    pub(super) binaries: Binaries,
    /// Whether a comma must come before the next argument.
    pub(super) comma: bool,
    /// Where the header of the text begins, once there is one.
    begin: usize,
}

/// Whole frames, and how many.
#[derive(Debug, Default)]
pub(super) struct Binaries {
    pub(super) frames: Vec<u8>,
    pub(super) count: usize,
}

impl Binaries {
    pub(super) fn push(&mut self, data: &[u8]) {
        frame::push_binary(&mut self.frames, data);
        self.count += 1;
    }
}

impl Output {
    /// With nothing in it. The buffers are the thread's, if nobody has them: what is written is users' code, which may
    /// write packets of its own. A [`Draft`] gives them back. A thread that ends has none any more.
    pub(super) fn blank() -> Box<Self> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut output = spare.unwrap_or_default();
        output.text.resize(TEXT_AT, 0);
        output.binaries.frames.clear();
        output.binaries.count = 0;
        output.comma = false;
        output
    }

    /// Makes a frame of it. The text, type digit included, is all from `start` on, and nothing of worth is before it.
    ///
    /// The header is written right before the text, wherever that leaves its start, so that the
    /// length need not be known before the text is.
    pub(super) fn seal(mut self: Box<Self>, start: usize) -> Draft {
        let len = self.text.len().saturating_sub(start);
        let header = FrameHeader::unmasked(Opcode::Text, len).encode();
        let begin = start.saturating_sub(header.len());
        if let Some(room) = self.text.get_mut(begin..start) {
            room.copy_from_slice(&header);
        }
        self.begin = begin;
        Draft(Some(self))
    }

    /// [`seal`](Self::seal), where there is nothing but the text and all of it.
    pub(super) fn seal_text(self: Box<Self>) -> Draft {
        self.seal(TEXT_AT)
    }

    /// All of it in one piece.
    fn whole(&mut self) -> &[u8] {
        self.text.append(&mut self.binaries.frames);
        self.text.get(self.begin..).unwrap_or_default()
    }
}

/// A packet as a [`Frame`] holds it, still in the buffers of the thread that wrote it: what one client alone gets is
/// copied to its connection, and needs no memory of its own.
///
/// There is something in it until it is dropped.
#[derive(Debug)]
pub(crate) struct Draft(Option<Box<Output>>);

impl Draft {
    /// The text with its header, and the binaries.
    fn pieces(&self) -> [&[u8]; 2] {
        let Some(output) = &self.0 else {
            return [&[]; 2];
        };
        let text = output.text.get(output.begin..).unwrap_or_default();
        [text, &output.binaries.frames]
    }

    /// How many bytes a WebSocket writes.
    pub(crate) fn len(&self) -> usize {
        let [text, binaries] = self.pieces();
        text.len() + binaries.len()
    }

    /// How many messages are in it.
    pub(crate) fn messages(&self) -> u16 {
        let binaries = self.0.as_ref().map_or(0, |output| output.binaries.count);
        u16::try_from(binaries)
            .unwrap_or(u16::MAX)
            .saturating_add(1)
    }

    /// All of it in one piece.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        match &mut self.0 {
            Some(output) => output.whole(),
            None => &[],
        }
    }

    /// Puts all of it behind others.
    pub(crate) fn append_to(&self, frames: &mut Vec<u8>) {
        let [text, binaries] = self.pieces();
        frames.extend_from_slice(text);
        frames.extend_from_slice(binaries);
    }

    /// The same with memory of its own.
    pub(crate) fn into_frame(mut self) -> Frame {
        self.take()
    }

    /// [`into_frame`](Self::into_frame), for whoever has only been lent it. Nothing of worth is left.
    pub(crate) fn take(&mut self) -> Frame {
        let len = self.len();
        let messages = self.messages();
        let bytes = match &mut self.0 {
            // Copied once more, it would cost more than what is saved.
            Some(output) if len > SCRATCH => {
                output.text.append(&mut output.binaries.frames);
                let mut bytes = Bytes::from(std::mem::take(&mut output.text));
                bytes.advance(output.begin);
                bytes
            }
            _ => {
                // Exactly as long as it must be, so that there is nothing beside the bytes to allocate for a frame
                // that has one recipient.
                let mut exact = Vec::with_capacity(len);
                self.append_to(&mut exact);
                exact.into()
            }
        };
        Frame::new(bytes, messages)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(mut output) = self.0.take() {
            for buffer in [&mut output.text, &mut output.binaries.frames] {
                if buffer.capacity() > 2 * SCRATCH {
                    *buffer = Vec::new();
                }
            }
            let _ = SPARE.try_with(|spare| spare.set(Some(output)));
        }
    }
}
