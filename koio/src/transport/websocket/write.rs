//! What a WebSocket writes, and in which order. Frames are encoded already, and shared with all other recipients.
//!
//! Small frames are copied together; big ones are slices of a vectored write.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    task::{Poll, ready},
};

use bytes::{Buf, Bytes};

use super::control::UrgentBytes;
use crate::engine::transport::{DirectFlushed, DirectFrames, DirectWritten, FrameSource};

thread_local! {
    /// Where small frames are copied together. It is taken out for the length of one write.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
/// How many bytes are gathered for one write.
const WRITE: usize = 256 * 1024;
/// The most frames that are slices of one write.
const SLICES: usize = 32;

type QueuedFrames = VecDeque<Bytes>;

/// Where a [`WriteQueue`] writes. `Pending`: nothing more is taken for now.
pub(in crate::transport) trait Sink {
    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>>;

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;
}

/// All that a connection has taken over and has not written, in the order in which it is written: the rest of the frame
/// that was begun and the frames behind it, then the urgent bytes, then the outbox's frames, then a close frame.
///
/// There is one for each connection, and every write to the connection goes through it. So nothing gets between the parts
/// of a frame, or ahead of the response of the handshake.
#[derive(Debug, Default)]
pub(in crate::transport) struct WriteQueue {
    /// The first may be partly written. Boxed, and absent when empty, to keep idle connections small.
    frames: Option<Box<QueuedFrames>>,
    /// Written between frames. Boxed, and absent when empty, for the same reason.
    urgent: Option<Box<UrgentBytes>>,
    /// A close frame is the last in `frames`, or was written. Nothing follows it.
    finished: bool,
    progressed: bool,
}

impl WriteQueue {
    /// Whether anything was written since the last call.
    pub(in crate::transport) fn has_progressed(&mut self) -> bool {
        std::mem::take(&mut self.progressed)
    }

    /// Whether a frame may be written now.
    fn is_clear(&self) -> bool {
        self.frames.is_none() && self.urgent.is_none() && !self.finished
    }

    /// Writes the response of the handshake ahead of everything else, in one write with what is there by then.
    pub(super) fn lead_with(&mut self, response: Vec<u8>) {
        self.urgent = Some(Box::new(UrgentBytes::response(response)));
    }

    /// Answers a ping, behind the frame that was begun.
    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        self.urgent.get_or_insert_default().push_pong(payload);
    }

    /// Ends the connection with a close frame, behind everything that was taken over, unless it has one.
    pub(super) fn finish(&mut self, close_frame: impl FnOnce() -> Bytes) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        if let Some(urgent) = self.urgent.take() {
            self.push(urgent.bytes.into());
        }
        self.push(close_frame());
    }

    /// Ends the connection without a close frame.
    pub(super) fn finish_silently(&mut self) {
        self.finished = true;
    }

    /// Whether the connection has ended, with a close frame or without.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Queues bytes behind all others.
    fn push(&mut self, bytes: Bytes) {
        self.frames.get_or_insert_default().push_back(bytes);
    }

    /// How many frames are queued.
    fn len(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.len())
    }

    /// Writes everything that was taken over, and all frames of `source`.
    pub(in crate::transport) fn write(
        &mut self,
        sink: &mut impl Sink,
        source: &mut dyn FrameSource,
    ) -> Poll<io::Result<()>> {
        let source = if self.finished { &mut None } else { source };
        loop {
            let mut together = TOGETHER.take();
            let more = self.gather(&mut together, source);
            let some = self.write_some(sink, &together);
            TOGETHER.set(together);
            ready!(some)?;
            if !more && self.len() == 0 {
                self.frames = None;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes frames for an emitter, unless something comes before them. `write` takes what it can without waiting.
    #[inline]
    pub(in crate::transport) fn write_direct(
        &mut self,
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
        frames: &mut dyn DirectFrames,
    ) -> DirectWritten {
        if !self.is_clear() {
            return DirectWritten::Nothing;
        }
        let bytes = frames.bytes();
        // An error counts as nothing written: the session's task meets it again.
        match write(bytes) {
            Ok(0) | Err(_) => DirectWritten::Nothing,
            Ok(written) if written == bytes.len() => DirectWritten::All,
            Ok(written) => {
                self.progressed = true;
                self.push(frames.take_unwritten(written));
                DirectWritten::Part
            }
        }
    }

    /// [`write`](Self::write) for an emitter.
    pub(in crate::transport) fn flush(
        &mut self,
        sink: &mut impl Sink,
        source: &mut dyn FrameSource,
    ) -> DirectFlushed {
        // The session's task asks for what it has not seen.
        let before = self.has_progressed();
        let written = self.write(sink, source);
        let progressed = self.progressed;
        self.progressed |= before;
        DirectFlushed {
            progressed,
            is_all: matches!(written, Poll::Ready(Ok(()))),
        }
    }

    /// Copies the urgent bytes and the small frames of the source together. Queues the big frame behind them, and some that
    /// follow it. Does nothing while frames are queued. Returns whether there may be more.
    fn gather(&mut self, together: &mut Vec<u8>, source: &mut dyn FrameSource) -> bool {
        together.clear();
        if self.len() > 0 {
            return true;
        }
        if let Some(mut urgent) = self.urgent.take() {
            together.append(&mut urgent.bytes);
        }
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
    fn write_some(&mut self, sink: &mut impl Sink, together: &[u8]) -> Poll<io::Result<()>> {
        let poll = if self.len() == 0 {
            if together.is_empty() {
                return Poll::Ready(Ok(()));
            }
            sink.write(together)
        } else {
            self.write_slices(sink, together)
        };
        // Also after an error: what was gathered is kept, and the next write meets the error again.
        let written = match &poll {
            Poll::Ready(Ok(written)) => *written,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.advance(together, written);
        match poll {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            poll => poll.map_ok(drop),
        }
    }

    fn write_slices(&self, sink: &mut impl Sink, together: &[u8]) -> Poll<io::Result<usize>> {
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
            [only] => sink.write(only),
            several => sink.write_vectored(several),
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
        let urgent = self.urgent.as_ref().map_or(0, |urgent| urgent.bytes.len());
        frames.map(Bytes::len).sum::<usize>() + urgent
    }

    pub(super) fn capacity(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.capacity())
    }
}
