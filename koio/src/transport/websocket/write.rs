//! Writes frames. They are encoded already, and shared with all other recipients.
//!
//! Small frames are copied together; big ones are slices of a vectored write.

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
    /// Where small frames are copied together. It is taken out for the length of one write.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
/// How many bytes are gathered for one write.
const WRITE: usize = 256 * 1024;
/// The most frames that are slices of one write.
const SLICES: usize = 32;

type QueuedFrames = VecDeque<Bytes>;

/// Frames that the socket has not taken.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    /// The first may be partly written. Boxed, and absent when empty, to keep idle connections small.
    frames: Option<Box<QueuedFrames>>,
    progressed: bool,
}

impl WriteQueue {
    /// Whether anything was written since the last call.
    pub(super) fn has_progressed(&mut self) -> bool {
        std::mem::take(&mut self.progressed)
    }

    /// Queues bytes behind all others.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.frames.get_or_insert_default().push_back(bytes);
    }

    /// How many frames are queued.
    fn len(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.len())
    }

    /// Finishes the frame that was begun, by this writer or by the direct writer. Then writes `first` and all frames of
    /// `source`.
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
            if !more && self.len() == 0 {
                self.frames = None;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Copies `first` and the small frames of the source together. Queues the big frame behind them, and some that
    /// follow it. Does nothing while frames are queued. Returns whether there may be more.
    fn gather(
        &mut self,
        together: &mut Vec<u8>,
        first: &mut Vec<u8>,
        source: &mut dyn FrameSource,
    ) -> bool {
        together.clear();
        if self.len() > 0 {
            return true;
        }
        together.append(first);
        *first = Vec::new();
        if !source.gather(together, WRITE) {
            return false;
        }
        let mut bytes = together.len();
        while bytes < WRITE && self.len() < SLICES {
            let Some(frame) = source.next() else {
                return false;
            };
            bytes = bytes.saturating_add(frame.len());
            self.push(frame.into_bytes());
        }
        true
    }

    /// Makes one write of `together` and of the queue behind it.
    fn poll_some(
        &mut self,
        io: Pin<&mut impl ByteStream>,
        cx: &mut Context<'_>,
        together: &[u8],
    ) -> Poll<io::Result<()>> {
        let poll = if self.len() == 0 {
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

    /// Removes the bytes that were written. The unwritten part of `together` is copied to the front of the queue.
    fn advance(&mut self, together: &[u8], mut written: usize) {
        self.progressed |= written > 0;
        if let Some(unwritten @ [_, ..]) = together.get(written..) {
            let unwritten = Bytes::copy_from_slice(unwritten);
            self.frames.get_or_insert_default().push_front(unwritten);
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
    /// How many bytes are queued.
    pub(super) fn byte_len(&self) -> usize {
        let frames = self.frames.iter().flat_map(|frames| frames.iter());
        frames.map(Bytes::len).sum()
    }

    pub(super) fn capacity(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.capacity())
    }
}
