//! Bytes read from a socket, in a block that the connections of a thread share.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes read from a socket at once, at most.
const READ: usize = 64 * 1024;
/// What a thread's block begins with: enough where messages are small. It grows when a read has filled it.
const FIRST: usize = 16 * 1024;

thread_local! {
    static BLOCK: Cell<Option<Box<Block>>> = const { Cell::new(None) };
}

/// What has been read and not been used up. While there is something, the thread's block is here; what is in it
/// beyond the end is another connection's and is never looked at.
///
/// It is handed around in its box: a connection at rest has room for no more than a pointer to it.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer(Option<Box<Block>>);

#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// Up to here it has been used up.
    used: usize,
    /// Up to here it has been let through.
    open: usize,
    end: usize,
    /// It is the thread's.
    shared: bool,
}

impl Block {
    /// A block of its own.
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            end: bytes.len(),
            ..Self::default()
        }
    }

    fn unused(&self) -> &[u8] {
        self.bytes.get(self.used..self.end).unwrap_or_default()
    }

    /// Becomes the thread's again.
    fn give_back(mut self: Box<Self>) {
        if self.end == self.bytes.len() {
            self.bytes.resize(READ, 0);
        }
        BLOCK.set(Some(self));
    }
}

impl ReadBuffer {
    /// Bytes that came with the handshake.
    pub(super) fn of(bytes: &Bytes) -> Self {
        Self((!bytes.is_empty()).then(|| Box::new(Block::of(bytes))))
    }

    /// Reads from the socket; nothing may be left. `Ready(0)` at its end.
    pub(super) fn poll_fill(
        &mut self,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut filled = BLOCK.take().unwrap_or_default();
        if filled.bytes.is_empty() {
            filled.bytes.resize(FIRST, 0);
        }
        let mut buf = ReadBuf::new(&mut filled.bytes);
        let poll = io.poll_read(cx, &mut buf);
        let end = buf.filled().len();
        match poll {
            Poll::Ready(Ok(())) if end > 0 => {
                (filled.used, filled.open, filled.end) = (0, 0, end);
                filled.shared = true;
                self.0 = Some(filled);
            }
            _ => BLOCK.set(Some(filled)),
        }
        poll.map_ok(|()| end)
    }

    /// What has not been let through.
    pub(super) fn closed(&self) -> &[u8] {
        let filled = self.0.as_ref();
        let closed = filled.and_then(|filled| filled.bytes.get(filled.open..filled.end));
        closed.unwrap_or_default()
    }

    /// The same, to be changed where it lies.
    pub(super) fn closed_mut(&mut self) -> &mut [u8] {
        let filled = self.0.as_mut();
        let closed = filled.and_then(|filled| filled.bytes.get_mut(filled.open..filled.end));
        closed.unwrap_or_default()
    }

    /// What has been let through and not been used.
    pub(super) fn open(&self) -> &[u8] {
        let filled = self.0.as_ref();
        let open = filled.and_then(|filled| filled.bytes.get(filled.used..filled.open));
        open.unwrap_or_default()
    }

    /// Lets the next bytes through.
    pub(super) fn let_through(&mut self, count: usize) {
        if let Some(filled) = &mut self.0 {
            filled.open = filled.open.saturating_add(count).min(filled.end);
        }
    }

    /// Uses up what has been let through.
    pub(super) fn advance(&mut self, count: usize) {
        if let Some(filled) = &mut self.0 {
            filled.used = filled.used.saturating_add(count).min(filled.open);
        }
    }

    /// Uses up what has not been let through.
    pub(super) fn take(&mut self, count: usize) {
        if let Some(filled) = &mut self.0 {
            filled.open = filled.open.saturating_add(count).min(filled.end);
            filled.used = filled.open;
        }
    }

    /// Uses up everything.
    pub(super) fn forget(&mut self) {
        self.take(usize::MAX);
        self.rest();
    }

    /// Gives the thread its block back; what is left is copied out of it.
    pub(super) fn rest(&mut self) {
        let Some(filled) = self.0.take() else {
            return;
        };
        let is_used_up = filled.used == filled.end;
        if filled.shared {
            if !is_used_up {
                let mut own = Box::new(Block::of(filled.unused()));
                own.open = filled.open - filled.used;
                self.0 = Some(own);
            }
            filled.give_back();
        } else if !is_used_up {
            self.0 = Some(filled);
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |filled| filled.bytes.capacity())
    }
}
