//! The bytes of a stream, between the session's task and the server that writes them.

use std::{
    mem::take,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// No further packet is put into a pipe that holds so much.
const FULL: usize = 64 * 1024;

/// What the server gets at a time. It may keep several such pieces for a client that does not read them, and each that it
/// takes is seen as progress.
const PIECE: usize = 16 * 1024;

/// The bytes of one stream that the server has not taken.
#[derive(Default)]
pub(crate) struct StreamPipe(Mutex<PipeState>);

#[derive(Default)]
struct PipeState {
    bytes: BytesMut,
    /// Nothing is put in any more.
    ended: bool,
    /// Nothing is taken any more: the connection has ended.
    dropped: bool,
    /// Something was put in, or was to be, that the server has not taken.
    lost: bool,
    /// Whether bytes were taken since that was asked.
    progressed: bool,
    /// Waits for bytes.
    reader: Option<Waker>,
    /// Waits for room, for the end of what is in it, or of the connection.
    writer: Option<Waker>,
}

impl StreamPipe {
    /// Appends bytes. None if the stream has ended.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&mut BytesMut) -> T) -> Option<T> {
        let mut state = self.0.lock();
        if state.ended || state.dropped {
            state.lost = true;
            return None;
        }
        let written = write(&mut state.bytes);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Some(written)
    }

    /// Whether another packet may be put in. If not, the task is woken when one may, or the connection ends.
    pub(crate) fn has_room(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.0.lock();
        let has_room = state.bytes.len() < FULL && !state.dropped;
        if !has_room {
            state.writer = Some(cx.waker().clone());
        }
        has_room
    }

    /// Whether bytes were taken since the last call.
    pub(crate) fn has_progressed(&self) -> bool {
        take(&mut self.0.lock().progressed)
    }

    /// Ends the stream behind what is in it.
    pub(crate) fn end(&self) {
        let mut state = self.0.lock();
        state.ended = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Ends the stream without what is in it.
    pub(crate) fn cut(&self) {
        self.0.lock().bytes = BytesMut::new();
        self.end();
    }

    /// Whether the server has taken everything of a stream that has ended, or the connection has ended.
    pub(crate) fn is_finished(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.0.lock();
        let is_finished = state.dropped || state.ended && state.bytes.is_empty();
        if !is_finished {
            state.writer = Some(cx.waker().clone());
        }
        is_finished
    }

    /// Whether the server has taken everything that was put in, or was to be.
    pub(crate) fn is_taken(&self) -> bool {
        let state = self.0.lock();
        state.bytes.is_empty() && !state.lost
    }

    /// Whether the connection has ended.
    pub(crate) fn is_dropped(&self) -> bool {
        self.0.lock().dropped
    }

    /// The next bytes; `None` at the end.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.0.lock();
        if state.bytes.is_empty() {
            if state.ended {
                return Poll::Ready(None);
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let next = if state.bytes.len() <= PIECE {
            take(&mut state.bytes).freeze()
        } else {
            // Copied: a slice would keep all of it for as long as the server has the slice.
            Bytes::copy_from_slice(&state.bytes.split_to(PIECE))
        };
        state.progressed = true;
        let writer = (state.bytes.len() < FULL).then(|| state.writer.take());
        drop(state);
        wake(writer.flatten());
        Poll::Ready(Some(next))
    }

    /// Whether there are no more bytes, and will be none.
    pub(super) fn is_at_end(&self) -> bool {
        let state = self.0.lock();
        state.ended && state.bytes.is_empty()
    }

    /// The connection has ended.
    pub(super) fn drop_rest(&self) {
        let mut state = self.0.lock();
        state.dropped = true;
        state.lost |= !state.bytes.is_empty();
        state.bytes = BytesMut::new();
        let writer = state.writer.take();
        drop(state);
        wake(writer);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
