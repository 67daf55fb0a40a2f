//! Writing: frames come ready-made and shared with every other recipient. Small ones are put together, big ones
//! are handed to the system beside them, without a copy.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use crate::wire::Frame;

thread_local! {
    /// Where small frames are put together; it is written before anything else happens.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
/// Frames up to this size are copied together; above it a copy costs more than a slice of its own.
const COALESCE: usize = 4 * 1024;
/// Bytes gathered for one write.
const WRITE: usize = 256 * 1024;
/// Slices of one write: what it begins with, and frames as they are.
const SLICES: usize = 32;

type Frames = VecDeque<Bytes>;

/// What is on its way out: the bytes that the socket did not take yet.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The first may be partly written. In a box, and there only while there are some.
    frames: Option<Box<Frames>>,
    progressed: bool,
}

impl Outgoing {
    /// Whether anything has been written since this was asked last.
    pub(super) fn has_progressed(&mut self) -> bool {
        std::mem::take(&mut self.progressed)
    }

    /// Behind everything else.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.frames.get_or_insert_default().push_back(bytes);
    }

    /// Frames that wait as they are.
    fn waiting(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.len())
    }

    /// Writes what is pending, `first`, and what `next` gives, until there is no more.
    pub(super) fn poll_write(
        &mut self,
        mut io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
        first: &mut Vec<u8>,
        next: &mut dyn FnMut() -> Option<Frame>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut together = TOGETHER.take();
            self.gather(&mut together, first, next);
            let some = self.poll_some(io.as_mut(), cx, &together);
            TOGETHER.set(together);
            match some {
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(Ok(true)) => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.frames = None;
        Poll::Ready(Ok(()))
    }

    /// Puts the next frames together up to the first big one; that and those behind it stay as they are.
    fn gather(
        &mut self,
        together: &mut Vec<u8>,
        first: &mut Vec<u8>,
        next: &mut dyn FnMut() -> Option<Frame>,
    ) {
        together.clear();
        if self.waiting() > 0 {
            return;
        }
        together.append(first);
        *first = Vec::new();
        let mut bytes = together.len();
        while bytes < WRITE && self.waiting() < SLICES {
            let Some(frame) = next() else { return };
            bytes = bytes.saturating_add(frame.len());
            if frame.len() > COALESCE || self.waiting() > 0 {
                self.push(frame.into_bytes());
            } else {
                together.extend_from_slice(frame.bytes());
            }
        }
    }

    /// Makes one write of what was put together and of what waits behind it. True when there is nothing to write.
    fn poll_some(
        &mut self,
        io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
        together: &[u8],
    ) -> Poll<io::Result<bool>> {
        let poll = if self.waiting() == 0 {
            if together.is_empty() {
                return Poll::Ready(Ok(true));
            }
            io.poll_write(cx, together)
        } else {
            self.poll_slices(io, cx, together)
        };
        let written = match poll {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => 0,
        };
        self.advance(together, written);
        if poll.is_pending() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(false))
        }
    }

    fn poll_slices(
        &self,
        io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
        together: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES + 1];
        let begin = std::iter::once(together).filter(|bytes| !bytes.is_empty());
        let frames = self.frames.iter().flat_map(|frames| frames.iter());
        let all = begin.chain(frames.map(AsRef::as_ref));
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(all) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        match slices.get(..count).unwrap_or_default() {
            [only] => io.poll_write(cx, only),
            several => io.poll_write_vectored(cx, several),
        }
    }

    /// Keeps what was not written.
    fn advance(&mut self, together: &[u8], mut written: usize) {
        self.progressed |= written > 0;
        if let Some(rest @ [_, ..]) = together.get(written..) {
            let rest = Bytes::copy_from_slice(rest);
            self.frames.get_or_insert_default().push_front(rest);
            return;
        }
        written = written.saturating_sub(together.len());
        let Some(frames) = &mut self.frames else {
            return;
        };
        while let Some(frame) = frames.front_mut() {
            if written < frame.len() {
                frame.advance(written);
                return;
            }
            written = written.saturating_sub(frame.len());
            frames.pop_front();
        }
    }
}

#[cfg(test)]
impl Outgoing {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        let frames = self.frames.iter().flat_map(|frames| frames.iter());
        frames.map(Bytes::len).sum()
    }

    pub(super) fn capacity(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.capacity())
    }
}
