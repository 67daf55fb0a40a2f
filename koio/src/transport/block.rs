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
    static BLOCK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What has been read and not been used up. While there is something, the thread's block is here; what is in it
/// beyond the end is another connection's and is never looked at.
#[derive(Debug, Default)]
pub(super) struct Block {
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
    /// Bytes that came with the handshake.
    pub(super) fn of(bytes: &Bytes) -> Self {
        Self {
            bytes: bytes.to_vec(),
            used: 0,
            open: 0,
            end: bytes.len(),
            shared: false,
        }
    }

    /// Reads from the socket; nothing may be left. `Ready(0)` at its end.
    pub(super) fn poll_fill(
        &mut self,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut bytes = BLOCK.take();
        if bytes.is_empty() {
            bytes.resize(FIRST, 0);
        }
        let mut buf = ReadBuf::new(&mut bytes);
        let poll = io.poll_read(cx, &mut buf);
        let end = buf.filled().len();
        match poll {
            Poll::Ready(Ok(())) if end > 0 => {
                *self = Self {
                    bytes,
                    used: 0,
                    open: 0,
                    end,
                    shared: true,
                };
            }
            _ => BLOCK.set(bytes),
        }
        poll.map_ok(|()| end)
    }

    /// What has not been let through.
    pub(super) fn closed(&self) -> &[u8] {
        self.bytes.get(self.open..self.end).unwrap_or_default()
    }

    /// The same, to be changed where it lies.
    pub(super) fn closed_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.open..self.end).unwrap_or_default()
    }

    /// What has been let through and not been used.
    pub(super) fn open(&self) -> &[u8] {
        self.bytes.get(self.used..self.open).unwrap_or_default()
    }

    /// Lets the next bytes through.
    pub(super) fn let_through(&mut self, count: usize) {
        self.open = self.open.saturating_add(count).min(self.end);
    }

    /// Uses up what has been let through.
    pub(super) fn advance(&mut self, count: usize) {
        self.used = self.used.saturating_add(count).min(self.open);
    }

    /// Uses up what has not been let through.
    pub(super) fn take(&mut self, count: usize) {
        self.let_through(count);
        self.used = self.open;
    }

    /// Uses up everything.
    pub(super) fn forget(&mut self) {
        self.used = self.end;
        self.open = self.end;
        self.rest();
    }

    fn is_empty(&self) -> bool {
        self.used == self.end
    }

    /// Gives the thread its block back; what is left is copied out of it.
    pub(super) fn rest(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if std::mem::take(&mut self.shared) {
            self.bytes = bytes.get(self.used..self.end).unwrap_or_default().to_vec();
            if self.end == bytes.len() {
                bytes.resize(READ, 0);
            }
            BLOCK.set(bytes);
            self.open -= self.used;
            self.end -= self.used;
            self.used = 0;
        } else if !self.is_empty() {
            self.bytes = bytes;
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
