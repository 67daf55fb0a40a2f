//! WebSocket: reading is tungstenite's, writing is ours.
//!
//! tungstenite's `WebSocketContext` reads messages out of a buffer that is filled here, and whatever it wants to
//! write (pongs, the answer to a close) is collected as whole frames. Frames to the client come ready-made,
//! header included, and shared with every other recipient: they are written as they are, small ones put
//! together into one write, big ones without a copy.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::{
    self,
    error::{CapacityError, Error},
    protocol::{Role, WebSocketConfig, WebSocketContext},
};
use tracing::debug;

use super::fragments::{Fragments, TooMany};
use crate::{
    engine::{
        CloseReason, EngineConfig,
        duplex::{Duplex, Gone},
    },
    wire::{Frame, Message},
};

/// Bytes read from the socket at once, into a block that all connections of a thread share: it is copied out of
/// before anything else happens.
const READ: usize = 64 * 1024;
thread_local! {
    static BLOCK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Where small frames are put together; it is written before anything else happens.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
/// Bytes that the context takes at a time, once it has used up those that it was made with.
const STEP: usize = 4 * 1024;
/// Frames up to this size are copied together into one write; above it a copy costs more than a write call.
const COALESCE: usize = 4 * 1024;
/// Bytes of pongs that wait to be written. Above it the older ones are dropped: only the last ping need be
/// answered (RFC 6455 section 5.5.3), and who sends pings without reading must not fill the memory with them.
const PONGS: usize = 4 * 1024;
/// Bytes gathered for one write.
const WRITE: usize = 64 * 1024;

/// A WebSocket over any byte stream.
pub(super) struct WebSocket<S> {
    io: S,
    max_payload: usize,
    fragments: Fragments,
    /// Reads messages. There only while bytes are under way: an idle connection needs none of its buffers.
    context: Option<Box<WebSocketContext>>,
    /// Messages that the context can give without another byte.
    ready: usize,
    /// The context has been given bytes since it last asked for more: a frame that has only begun may break the
    /// rules already.
    fed: bool,
    /// Bytes read from the socket that the context has not taken.
    unread: BytesMut,
    /// Whole control frames that the context wants written, at most [`PONGS`] bytes of them.
    control: Vec<u8>,
    /// Frames on their way out that were too big to be put together with others, or that the socket did not take;
    /// the first may be partly written.
    outgoing: VecDeque<Bytes>,
    written: u64,
    close_sent: bool,
    shut: bool,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Open,
    /// The peer broke the protocol before anybody listened: the first read says so.
    Broken,
    /// The peer broke the protocol, or has closed: what it still sends is read and dropped, so that closing the
    /// socket does not reset the connection before our close frame has arrived.
    Draining,
    Ended,
}

impl<S> WebSocket<S> {
    /// A WebSocket whose handshake is done. `unread`: bytes that came right behind it.
    pub(super) fn new(io: S, unread: Bytes, config: &EngineConfig) -> Self {
        let mut websocket = Self {
            io,
            max_payload: config.max_payload,
            fragments: Fragments::new(config.max_fragments),
            context: None,
            ready: 0,
            fed: false,
            unread: BytesMut::new(),
            control: Vec::new(),
            outgoing: VecDeque::new(),
            written: 0,
            close_sent: false,
            shut: false,
            phase: Phase::Open,
        };
        if !unread.is_empty() && websocket.feed(&unread).is_err() {
            websocket.violation(1008);
            websocket.phase = Phase::Broken;
        }
        websocket
    }

    /// Takes bytes from the socket.
    fn feed(&mut self, bytes: &[u8]) -> Result<(), TooMany> {
        self.fragments.feed(bytes)?;
        let (complete, longest) = self.fragments.take_complete();
        self.ready += complete;
        self.fed = true;
        if self.context.is_some() {
            self.unread.extend_from_slice(bytes);
            return Ok(());
        }
        // tungstenite wants room for each frame behind all that it has, even for one that it has: without it, it
        // would move the rest at every message.
        let room = usize::try_from(longest).map_or(0, |longest| longest.min(bytes.len()));
        let mut begun = Vec::with_capacity(bytes.len() + room);
        begun.extend_from_slice(bytes);
        let limits = WebSocketConfig::default()
            .read_buffer_size(if self.fragments.is_partial() { STEP } else { 0 })
            .write_buffer_size(0)
            .max_message_size(Some(self.max_payload))
            .max_frame_size(Some(self.max_payload));
        let context = WebSocketContext::from_partially_read(begun, Role::Server, Some(limits));
        self.context = Some(Box::new(context));
        Ok(())
    }

    /// Whether everything that has come has been taken, and nothing is begun: then the context holds nothing.
    fn is_clean(&self) -> bool {
        self.ready == 0 && self.unread.is_empty() && !self.fragments.is_partial()
    }

    /// The peer broke the protocol: tells it so, and stops listening. tungstenite itself only reports.
    fn violation(&mut self, code: u16) {
        self.close_frame(code);
        self.phase = Phase::Draining;
        self.unread = BytesMut::new();
        self.context = None;
    }

    fn close_frame(&mut self, code: u16) {
        self.take_control();
        if !self.close_sent {
            self.close_sent = true;
            let [high, low] = code.to_be_bytes();
            self.outgoing
                .push_back(Bytes::copy_from_slice(&[0x88, 2, high, low]));
        }
    }

    /// Moves the context's own frames behind those that are already on their way, when there is room: what the
    /// peer asks for must not grow with what it does not read.
    fn take_control(&mut self) {
        if self.control.is_empty() {
            return;
        }
        let frames = std::mem::take(&mut self.control);
        // After our close frame nothing may follow, tungstenite's answer to the peer's close included.
        if !self.close_sent {
            self.outgoing.push_back(frames.into());
        }
    }

    /// The next message from what has been read; `None` when more bytes are needed.
    fn decode(&mut self) -> Option<Result<Message, Gone>> {
        while let Some(context) = &mut self.context {
            if self.ready == 0 && !self.fed {
                return None;
            }
            let mut pipe = Pipe {
                unread: &mut self.unread,
                control: &mut self.control,
            };
            let read = context.read(&mut pipe);
            self.ready = self.ready.saturating_sub(1);
            let message = match read {
                Ok(tungstenite::Message::Text(text)) => Some(Message::Text(Bytes::from(text))),
                Ok(tungstenite::Message::Binary(data)) => Some(Message::Binary(data)),
                // Pings are answered by the context, with the next read unless it is told to; nothing asks for
                // pongs.
                Ok(
                    tungstenite::Message::Ping(_)
                    | tungstenite::Message::Pong(_)
                    | tungstenite::Message::Frame(_),
                ) => {
                    let _ = context.flush(&mut pipe);
                    None
                }
                Ok(tungstenite::Message::Close(_)) => {
                    let _ = context.flush(&mut pipe);
                    self.take_control();
                    self.close_sent = true;
                    self.phase = Phase::Draining;
                    self.context = None;
                    return Some(Err(Gone(CloseReason::TransportClose)));
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = 0;
                    self.fed = false;
                    return None;
                }
                Err(error) => {
                    debug!(%error, "websocket violation");
                    self.violation(violation_code(&error));
                    return Some(Err(Gone(CloseReason::TransportError)));
                }
            };
            if self.is_clean() {
                self.context = None;
                self.fed = false;
            }
            if let Some(message) = message {
                return Some(Ok(message));
            }
        }
        None
    }
}

/// RFC 6455 section 7.4.1.
fn violation_code(error: &Error) -> u16 {
    match error {
        Error::Utf8(_) => 1007,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => 1009,
        _ => 1002,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Reads from the socket and gives what came to `take`; `Ready(0)` at its end.
    fn poll_fill<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut Self, &[u8]) -> T,
    ) -> Poll<io::Result<(usize, T)>> {
        let mut block = BLOCK.take();
        block.resize(READ, 0);
        let mut buf = ReadBuf::new(&mut block);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut buf);
        let read = read.map_ok(|()| (buf.filled().len(), take(self, buf.filled())));
        BLOCK.set(block);
        read
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.poll_fill(cx, |_, _| ()) {
                Poll::Ready(Ok((1.., ()))) => {}
                Poll::Ready(_) => {
                    self.phase = Phase::Ended;
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Puts frames together, up to the first that is too big for that.
    fn gather(&mut self, together: &mut Vec<u8>, next: &mut dyn FnMut() -> Option<Frame>) {
        together.clear();
        if !self.outgoing.is_empty() {
            return;
        }
        together.append(&mut self.control);
        self.control = Vec::new();
        while together.len() < WRITE && !self.close_sent {
            let Some(frame) = next() else { return };
            if frame.len() > COALESCE {
                self.outgoing.push_back(frame.into_bytes());
                return;
            }
            together.extend_from_slice(frame.bytes());
        }
    }

    /// Writes what was put together, or the first of what waits. True when there is nothing to write.
    fn poll_some(&mut self, cx: &mut Context<'_>, together: &[u8]) -> Poll<Result<bool, Gone>> {
        let gone = Poll::Ready(Err(Gone(CloseReason::TransportClose)));
        let io = Pin::new(&mut self.io);
        if together.is_empty() {
            let Some(first) = self.outgoing.front_mut() else {
                return Poll::Ready(Ok(true));
            };
            let Poll::Ready(written) = io.poll_write(cx, first) else {
                return Poll::Pending;
            };
            let Ok(written @ 1..) = written else {
                return gone;
            };
            self.written += written as u64;
            first.advance(written);
            if first.is_empty() {
                self.outgoing.pop_front();
            }
            return Poll::Ready(Ok(false));
        }
        let poll = io.poll_write(cx, together);
        let written = match &poll {
            Poll::Ready(Ok(written @ 1..)) => *written,
            Poll::Ready(_) => return gone,
            Poll::Pending => 0,
        };
        self.written += written as u64;
        let rest = together.get(written..).unwrap_or_default();
        if !rest.is_empty() {
            self.outgoing.push_front(Bytes::copy_from_slice(rest));
        }
        poll.map(|_| Ok(false))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for WebSocket<S> {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Gone>> {
        match self.phase {
            Phase::Open => {}
            Phase::Broken => {
                self.phase = Phase::Draining;
                return Poll::Ready(Err(Gone(CloseReason::TransportError)));
            }
            Phase::Draining => {
                return self
                    .poll_drain(cx)
                    .map(|()| Err(Gone(CloseReason::TransportError)));
            }
            Phase::Ended => return Poll::Ready(Err(Gone(CloseReason::TransportClose))),
        }
        loop {
            if let Some(message) = self.decode() {
                return Poll::Ready(message);
            }
            match self.poll_fill(cx, Self::feed) {
                Poll::Pending => {
                    if self.unread.is_empty() && self.unread.capacity() > 0 {
                        // Half a frame keeps no more than what the context has of it.
                        self.unread = BytesMut::new();
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Ok((1.., Ok(())))) => {}
                Poll::Ready(Ok((1.., Err(TooMany)))) => {
                    debug!("websocket message cut into too many frames");
                    self.violation(1008);
                    return Poll::Ready(Err(Gone(CloseReason::TransportError)));
                }
                Poll::Ready(Ok((0, _)) | Err(_)) => {
                    self.phase = Phase::Ended;
                    return Poll::Ready(Err(Gone(CloseReason::TransportClose)));
                }
            }
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        next: &mut dyn FnMut() -> Option<Frame>,
    ) -> Poll<Result<(), Gone>> {
        loop {
            let mut together = TOGETHER.take();
            self.gather(&mut together, next);
            let some = self.poll_some(cx, &together);
            TOGETHER.set(together);
            match some {
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(Ok(true)) => break,
                Poll::Ready(Err(gone)) => return Poll::Ready(Err(gone)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.outgoing = VecDeque::new();
        let io = Pin::new(&mut self.io);
        // With both close frames exchanged, or nothing worth hearing any more, it is the server that
        // ends the connection (RFC 6455 section 7.1.1): clients wait for that.
        let flushed = if self.close_sent && self.phase != Phase::Open && !self.shut {
            let shut = io.poll_shutdown(cx);
            self.shut = shut.is_ready();
            shut
        } else {
            io.poll_flush(cx)
        };
        flushed.map_err(|_| Gone(CloseReason::TransportClose))
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn is_partial(&self) -> bool {
        self.phase == Phase::Open && self.fragments.is_partial()
    }

    fn close(&mut self, code: u16) {
        self.close_frame(code);
    }
}

/// What the context reads from and writes to.
struct Pipe<'a> {
    unread: &'a mut BytesMut,
    control: &'a mut Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = buf.len().min(self.unread.len());
        if length == 0 {
            // The end of the stream is noticed where it is read.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.unread
            .split_to(length)
            .copy_to_slice(buf.get_mut(..length).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(length)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // Always whole frames: tungstenite hands over its buffer, and all of it is taken.
        if self.control.len().saturating_add(buf.len()) > PONGS {
            self.control.clear();
        }
        self.control.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
