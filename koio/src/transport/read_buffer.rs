//! Bytes read from a socket, in a block of memory that the connections of a thread share.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

/// The most that is read from a socket at once.
const MAX_READ: usize = 64 * 1024;
/// The first size of a thread's block. It grows to [`MAX_READ`] once a read has filled it.
const FIRST_READ: usize = 16 * 1024;

thread_local! {
    static SHARED: Cell<Option<Box<Block>>> = const { Cell::new(None) };
}

/// The bytes of a connection that were read and not consumed.
///
/// While there are any, the thread's block is here. Its bytes beyond `end` were read by other connections and are
/// never returned. The block is passed around in its box, so an idle connection holds one null pointer.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer(Option<Box<Block>>);

#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    consumed: usize,
    end: usize,
    /// Whether it goes back to the thread.
    shared: bool,
}

impl Block {
    fn unshared(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            end: bytes.len(),
            ..Self::default()
        }
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.consumed..self.end).unwrap_or_default()
    }

    fn return_to_thread(mut self: Box<Self>) {
        if self.end == self.bytes.len() {
            self.bytes.resize(MAX_READ, 0);
        }
        SHARED.set(Some(self));
    }
}

impl ReadBuffer {
    /// A buffer with a copy of these bytes.
    pub(super) fn of(bytes: &Bytes) -> Self {
        Self((!bytes.is_empty()).then(|| Box::new(Block::unshared(bytes))))
    }

    /// Reads from the socket. All earlier bytes must be consumed. Returns 0 at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "unread bytes would be lost");
        let mut block = SHARED.take().unwrap_or_default();
        if block.bytes.is_empty() {
            block.bytes.resize(FIRST_READ, 0);
        }
        let mut buf = ReadBuf::new(&mut block.bytes);
        let poll = io.poll_read(cx, &mut buf);
        let end = buf.filled().len();
        match poll {
            Poll::Ready(Ok(())) if end > 0 => {
                (block.consumed, block.end) = (0, end);
                block.shared = true;
                self.0 = Some(block);
            }
            _ => SHARED.set(Some(block)),
        }
        poll.map_ok(|()| end)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unread().is_empty()
    }

    /// The bytes that are not consumed.
    pub(super) fn unread(&self) -> &[u8] {
        self.0
            .as_ref()
            .map(|block| block.unread())
            .unwrap_or_default()
    }

    /// The bytes that are not consumed, to be unmasked in place.
    pub(super) fn unread_mut(&mut self) -> &mut [u8] {
        let block = self.0.as_mut();
        let unread = block.and_then(|block| block.bytes.get_mut(block.consumed..block.end));
        unread.unwrap_or_default()
    }

    pub(super) fn consume(&mut self, count: usize) {
        if let Some(block) = &mut self.0 {
            block.consumed = block.consumed.saturating_add(count).min(block.end);
        }
    }

    /// Consumes all bytes and returns the block to the thread.
    pub(super) fn clear(&mut self) {
        self.consume(usize::MAX);
        self.release();
    }

    /// Returns the block to the thread. Unread bytes are copied out of it first.
    pub(super) fn release(&mut self) {
        let Some(block) = self.0.take() else {
            return;
        };
        let is_consumed = block.consumed == block.end;
        if block.shared {
            if !is_consumed {
                self.0 = Some(Box::new(Block::unshared(block.unread())));
            }
            block.return_to_thread();
        } else if !is_consumed {
            self.0 = Some(block);
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |block| block.bytes.capacity())
    }
}
