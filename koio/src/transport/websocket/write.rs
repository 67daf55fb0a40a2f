//! Writing: frames come ready-made and shared with every other recipient. Small ones are put together, big ones
//! are handed to the system beside them, without a copy.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};

use crate::{engine::transport::FrameSource, transport::tcp::ByteStream};

thread_local! {
    /// Where small frames are put together; it is written before anything else happens.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
/// Bytes gathered for one write.
const WRITE: usize = 256 * 1024;
/// Slices of one write: what it begins with, and frames as they are.
const SLICES: usize = 32;

type QueuedFrames = VecDeque<Bytes>;

/// What is on its way out: the bytes that the socket did not take yet.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    /// The first may be partly written. In a box, and there only while there are some.
    frames: Option<Box<QueuedFrames>>,
    progressed: bool,
}

impl WriteQueue {
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

    /// Finishes the frame that was begun, by whichever writer. Then writes `first`, and what the source has, until there is no
    /// more.
    pub(super) fn poll_write(
        &mut self,
        mut io: Pin<&mut impl ByteStream>,
        cx: &mut Context<'_>,
        first: &mut Vec<u8>,
        source: &mut dyn FrameSource,
    ) -> Poll<io::Result<()>> {
        if let Some(begun) = io.take_begun() {
            self.frames.get_or_insert_default().push_front(begun);
        }
        loop {
            let mut together = TOGETHER.take();
            let more = self.gather(&mut together, first, source);
            let some = self.poll_some(io.as_mut(), cx, &together);
            TOGETHER.set(together);
            ready!(some)?;
            if !more && self.waiting() == 0 {
                self.frames = None;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Puts the next frames together up to the first big one; that and those behind it stay as they are. Says whether
    /// there may be more.
    fn gather(
        &mut self,
        together: &mut Vec<u8>,
        first: &mut Vec<u8>,
        source: &mut dyn FrameSource,
    ) -> bool {
        together.clear();
        if self.waiting() > 0 {
            return true;
        }
        together.append(first);
        *first = Vec::new();
        if !source.gather(together, WRITE) {
            return false;
        }
        let mut bytes = together.len();
        while bytes < WRITE && self.waiting() < SLICES {
            let Some(frame) = source.next() else {
                return false;
            };
            bytes = bytes.saturating_add(frame.len());
            self.push(frame.into_bytes());
        }
        true
    }

    /// Makes one write of what was put together and of what waits behind it.
    fn poll_some(
        &mut self,
        io: Pin<&mut impl ByteStream>,
        cx: &mut Context<'_>,
        together: &[u8],
    ) -> Poll<io::Result<()>> {
        let poll = if self.waiting() == 0 {
            if together.is_empty() {
                return Poll::Ready(Ok(()));
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
        poll.map_ok(drop)
    }

    fn poll_slices(
        &self,
        io: Pin<&mut impl ByteStream>,
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
impl WriteQueue {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        let frames = self.frames.iter().flat_map(|frames| frames.iter());
        frames.map(Bytes::len).sum()
    }

    pub(super) fn capacity(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.capacity())
    }
}
