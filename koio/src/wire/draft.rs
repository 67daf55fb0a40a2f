//! A packet while it is written, and until it is where it goes.

use std::{cell::Cell, thread::LocalKey};

use bytes::{Buf, Bytes};

use super::frame::{self, Frame, HEADER};

/// Longest count of attachments, which is only known when the text behind it is written: `10-`.
const COUNT: usize = 3;

/// Where a text begins in its buffer, so that there is room for what comes before it.
pub(super) const TEXT_AT: usize = HEADER + COUNT;

/// Packets up to this size are written into buffers of the thread, and copied out of them. A buffer that is given away
/// costs more: the next one grows from nothing, in pages that the kernel has to clear.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static BINARIES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer to write a packet into: empty, but for [`TEXT_AT`] bytes of room. A [`Draft`] gives it back.
pub(super) fn buffer() -> Vec<u8> {
    let mut buffer = take(&TEXT);
    buffer.extend_from_slice(&[0; TEXT_AT]);
    buffer
}

/// Appends one binary of a packet as a whole frame.
pub(super) fn push_attachment(frames: &mut Vec<u8>, data: &[u8]) {
    if frames.capacity() == 0 {
        *frames = take(&BINARIES);
    }
    frame::push_binary(frames, data);
}

/// Taken out while it is used: what is written into it is users' code, which may write packets of its own. A thread
/// that ends has none any more.
fn take(from: &'static LocalKey<Cell<Vec<u8>>>) -> Vec<u8> {
    let mut buffer = from.try_with(Cell::take).unwrap_or_default();
    buffer.clear();
    buffer
}

fn give_back(buffer: &mut Vec<u8>, to: &'static LocalKey<Cell<Vec<u8>>>) {
    if (1..=2 * SCRATCH).contains(&buffer.capacity()) {
        let _ = to.try_with(|kept| kept.set(std::mem::take(buffer)));
    }
}

/// A packet as a [`Frame`] holds it, still in the buffers of the thread that wrote it: what one client alone gets is
/// copied to its connection, and needs no memory of its own.
#[derive(Debug)]
pub(crate) struct Draft {
    text: Vec<u8>,
    /// Where the header of the text begins.
    start: usize,
    binaries: Vec<u8>,
    messages: u16,
}

impl Draft {
    /// Makes a frame of a buffer in which the text, type digit included, is all from `start` on, and nothing of worth
    /// before it. `binaries` are `count` whole frames already, and follow the text.
    ///
    /// The header is written right before the text, wherever that leaves its start, so that the
    /// length need not be known before the text is.
    pub(super) fn seal(mut text: Vec<u8>, start: usize, binaries: Vec<u8>, count: u16) -> Self {
        let (header, used) = frame::header(frame::TEXT, text.len().saturating_sub(start));
        let begin = start.saturating_sub(used);
        if let (Some(room), Some(header)) = (text.get_mut(begin..start), header.get(..used)) {
            room.copy_from_slice(header);
        }
        Self {
            text,
            start: begin,
            binaries,
            messages: count.saturating_add(1),
        }
    }

    /// One text without binaries.
    pub(super) fn of_text(text: Vec<u8>) -> Self {
        Self::seal(text, TEXT_AT, Vec::new(), 0)
    }

    fn text(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// How many bytes a WebSocket writes.
    pub(crate) fn len(&self) -> usize {
        self.text().len() + self.binaries.len()
    }

    /// How many messages are in it.
    pub(crate) fn messages(&self) -> u16 {
        self.messages
    }

    /// All of it in one piece.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        self.text.append(&mut self.binaries);
        self.text()
    }

    /// Puts all of it behind others.
    pub(crate) fn append_to(&self, frames: &mut Vec<u8>) {
        frames.extend_from_slice(self.text());
        frames.extend_from_slice(&self.binaries);
    }

    /// The same with memory of its own.
    pub(crate) fn into_frame(mut self) -> Frame {
        self.take()
    }

    /// [`into_frame`](Self::into_frame), for whoever has only been lent it. Nothing of worth is left.
    pub(crate) fn take(&mut self) -> Frame {
        let len = self.len();
        let bytes = if len > SCRATCH {
            // Copied once more, it would cost more than what is saved.
            self.text.append(&mut self.binaries);
            let mut bytes = Bytes::from(std::mem::take(&mut self.text));
            bytes.advance(self.start);
            bytes
        } else {
            // Exactly as long as it must be, so that there is nothing beside the bytes to allocate for a frame that
            // has one recipient.
            let mut exact = Vec::with_capacity(len);
            self.append_to(&mut exact);
            exact.into()
        };
        Frame::new(bytes, self.messages)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        give_back(&mut self.text, &TEXT);
        give_back(&mut self.binaries, &BINARIES);
    }
}
