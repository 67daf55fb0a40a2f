//! The WebSocket transport.
//!
//! [`Reader`] turns the bytes of the client into messages. Frames to the client are encoded where they are made, header
//! included, and written as they are ([`WriteQueue`]: the one way to write to a connection).

mod control;
mod control_rate;
mod event;
mod extensions;
mod inflate;
mod limits;
mod mask;
mod reader;
#[cfg(test)]
mod tests;
mod unfinished;
mod write;

use std::{
    num::NonZeroU16,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;

use self::{
    control::close_frame,
    control_rate::ControlRate,
    event::{ReadEvent, Violation},
    inflate::inflate,
    limits::ReservedBits,
    reader::Reader,
};
pub(super) use self::{
    extensions::{Agreed, negotiate},
    write::{Sink, WriteQueue},
};
use super::{read_buffer::ReadBuffer, tcp::ByteStream};
use crate::{
    engine::{
        CloseReason, Ending, EngineConfig, TransportKind,
        transport::{
            Arriving, CloseProgress, DirectWrite, FrameSource, Received, Transport, TransportLost,
        },
        wake_after_others,
    },
    time,
    wire::{Message, Revision},
};

/// What a control frame counts in a turn: 64 fill it.
const CONTROL_FRAME_UNITS: usize = 2;

/// Reads of one call, each of at most 64 KiB, and what they count in a turn if no message is complete behind them.
const READS: usize = 16;
const READS_UNITS: usize = 128;

/// What a closing connection reads and drops in one turn: messages, fragments and control frames.
const DROPPED: usize = 256;

/// Reads, each of at most 64 KiB, that a connection whose client broke the protocol drops in one turn.
const DRAINED: usize = 4;

/// The most that a close frame holds: its code and a text.
const MAX_CLOSE: usize = 125;

/// A WebSocket over any byte stream.
pub(super) struct WebSocketTransport<S: ByteStream> {
    io: S,
    /// The stream's [`WriteQueue`], unless it keeps that itself.
    own_queue: S::OwnQueue,
    buffer: ReadBuffer,
    reader: Reader,
    control_rate: ControlRate,
    /// The close frame that follows everything else, once that is written.
    close_with: Option<NonZeroU16>,
    /// What that close frame says. Boxed twice, for idle connections to be small.
    #[allow(clippy::box_collection, reason = "one word instead of two")]
    close_words: Option<Box<Box<str>>>,
    /// The connection is closed for writing.
    shut: bool,
    /// All frames that were taken from the outbox are written, and the close frame.
    flushed: bool,
    /// The client has closed the connection, or answered the close frame.
    client_closed: bool,
    /// What was agreed on at the handshake.
    reserved: ReservedBits,
    /// The message that was read last is compressed.
    compressed: bool,
    phase: ConnectionPhase,
    revision: Revision,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ConnectionPhase {
    Open,
    /// The peer broke the protocol, or has closed. Its bytes are read and dropped: closing a socket with unread bytes
    /// would reset the connection, and our close frame could be lost.
    Draining,
    Ended,
}

impl<S: ByteStream> WebSocketTransport<S> {
    /// A WebSocket after its handshake. `unread`: bytes that came behind the handshake.
    pub(super) fn new(io: S, unread: &Bytes, config: &EngineConfig) -> Self {
        Self {
            io,
            own_queue: S::OwnQueue::default(),
            buffer: ReadBuffer::of(unread),
            reader: Reader::new(config),
            control_rate: ControlRate::default(),
            close_with: None,
            close_words: None,
            shut: false,
            flushed: false,
            client_closed: false,
            reserved: ReservedBits::None,
            compressed: false,
            phase: ConnectionPhase::Open,
            revision: Revision::Four,
        }
    }

    /// Says what was agreed on at the handshake.
    pub(super) fn agreed(mut self, agreed: Option<Agreed>) -> Self {
        if agreed.is_some() {
            self.reserved = ReservedBits::Rsv1;
        }
        self
    }

    /// The client speaks this revision.
    pub(super) fn speak(&mut self, revision: Revision) {
        self.revision = revision;
    }

    /// Closes because the peer broke the protocol, and stops reading messages.
    fn violation(&mut self, violation: Violation) -> Result<Received, TransportLost> {
        let code = u16::from(violation.close_code());
        let mut words = String::new();
        let result = match violation {
            Violation::Limit(breach) => {
                words = breach.to_string();
                Ok(Received::Breach(breach))
            }
            _ => Err(TransportLost::broken(
                CloseReason::TransportError,
                format_args!("broken WebSocket: {violation}"),
            )),
        };
        self.send_close(&close_payload(code, &words));
        self.drain();
        result
    }

    /// A control frame has come. It counts in the turn, and in its second.
    fn control_frame(&mut self) -> Result<Received, TransportLost> {
        match self.control_rate.count(time::second()) {
            Ok(()) => Ok(Received::Part(CONTROL_FRAME_UNITS)),
            Err(breach) => self.violation(Violation::Limit(breach)),
        }
    }

    /// From here on the peer's bytes are read and dropped.
    fn drain(&mut self) {
        self.phase = ConnectionPhase::Draining;
        self.reader.stop();
        self.buffer = ReadBuffer::default();
    }

    /// Uses the connection's queue.
    fn queue<R>(&mut self, with: impl FnOnce(&mut WriteQueue) -> R) -> R {
        self.io.with_queue(&mut self.own_queue, with)
    }

    /// Queues a close frame behind everything else, unless one was sent.
    fn send_close(&mut self, payload: &[u8]) {
        self.queue(|queue| queue.finish(|| close_frame(payload)));
    }

    /// Writes the response of the handshake with the first frame, or ahead of a close frame.
    pub(super) fn lead_with(&mut self, response: Vec<u8>) {
        self.queue(|queue| queue.lead_with(response));
    }

    /// Writes the response of the handshake at once.
    pub(super) fn write_now(&mut self, response: Vec<u8>) {
        self.lead_with(response);
        // What is not taken now is written by the next write, which meets an error again.
        let _ = self.poll_write(&mut Context::from_waker(Waker::noop()), &mut None);
    }

    /// Queues a close frame of the session behind everything else.
    fn end(&mut self, code: u16) {
        if self.phase == ConnectionPhase::Ended {
            // The client has hung up: a close frame would be sent in vain, and answered with a reset.
            self.queue(WriteQueue::finish_silently);
            self.shut = true;
        } else {
            let words = self.close_words.take().unwrap_or_default();
            self.send_close(&close_payload(code, &words));
        }
    }

    /// Writes the pending bytes, then the frames of `source`.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        let lost = |_| TransportLost::gone(CloseReason::TransportClose);
        let written = self.io.poll_write_frames(&mut self.own_queue, cx, source);
        ready!(written).map_err(lost)?;
        // The server closes the connection first (RFC 6455 section 7.1.1): clients wait for that. Only the answer to
        // our close frame is waited for.
        let must_shut = self.phase != ConnectionPhase::Open && !self.shut;
        let must_shut = must_shut && self.queue(|queue| queue.is_finished());
        let io = Pin::new(&mut self.io);
        let flushed = if must_shut {
            let shut = io.poll_shutdown(cx);
            self.shut = shut.is_ready();
            shut
        } else {
            io.poll_flush(cx)
        };
        flushed.map_err(lost)
    }

    /// Puts the next message into `message`, whole, undecoded, and not inflated if it is `compressed`.
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        match self.phase {
            ConnectionPhase::Open => {}
            ConnectionPhase::Draining => {
                return self
                    .poll_drain(cx)
                    .map(|()| Err(TransportLost::gone(CloseReason::TransportError)));
            }
            ConnectionPhase::Ended => {
                return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
            }
        }
        for _ in 0..READS {
            match self.reader.next(&mut self.buffer, self.reserved, message) {
                Some(ReadEvent::Message { compressed }) => {
                    self.compressed = compressed;
                    return Poll::Ready(Ok(Received::Message));
                }
                Some(ReadEvent::Ping(payload)) => {
                    self.queue(|queue| queue.push_pong(&payload));
                    return Poll::Ready(self.control_frame());
                }
                Some(ReadEvent::Pong) => return Poll::Ready(self.control_frame()),
                Some(ReadEvent::Fragment) => return Poll::Ready(Ok(Received::Part(1))),
                Some(ReadEvent::Close(answer)) => {
                    self.send_close(&answer);
                    self.drain();
                    return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
                }
                Some(ReadEvent::Violation(violation)) => {
                    return Poll::Ready(self.violation(violation));
                }
                None => {}
            }
            self.buffer.release();
            match ready!(self.buffer.poll_fill(Pin::new(&mut self.io), cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => {
                    self.phase = ConnectionPhase::Ended;
                    return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
                }
            }
        }
        Poll::Ready(Ok(Received::Part(READS_UNITS)))
    }

    /// Inflates a message that was read, and decodes it.
    #[cold]
    fn inflate(&mut self, message: &mut Message) -> Result<Received, TransportLost> {
        match inflate(message, self.reader.max_payload()) {
            Ok(inflated) => {
                *message = inflated;
                Received::decode(message, self.revision)
            }
            Err(violation) => self.violation(violation),
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..DRAINED {
            match ready!(self.buffer.poll_fill(Pin::new(&mut self.io), cx)) {
                Ok(1..) => self.buffer.clear(),
                Ok(0) | Err(_) => {
                    self.phase = ConnectionPhase::Ended;
                    return Poll::Ready(());
                }
            }
        }
        wake_after_others(cx);
        Poll::Pending
    }
}

impl<S: ByteStream> Transport for WebSocketTransport<S> {
    fn kind(&self) -> TransportKind {
        TransportKind::WebSocket
    }

    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        match ready!(self.poll_message(cx, message)) {
            Ok(Received::Message) if self.compressed => Poll::Ready(self.inflate(message)),
            Ok(Received::Message) => Poll::Ready(Received::decode(message, self.revision)),
            other => Poll::Ready(other),
        }
    }

    fn arriving(&self) -> Option<Arriving> {
        match self.phase {
            ConnectionPhase::Open => self.reader.arriving(),
            ConnectionPhase::Draining | ConnectionPhase::Ended => None,
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        let mut sent = self.poll_write(cx, frames);
        if matches!(sent, Poll::Ready(Ok(())))
            && let Some(code) = self.close_with.take()
        {
            self.end(code.get());
            sent = self.poll_write(cx, &mut None);
        }
        self.flushed = matches!(sent, Poll::Ready(Ok(())));
        sent
    }

    fn has_progressed(&mut self) -> bool {
        self.queue(WriteQueue::has_progressed)
    }

    fn takes_compressed(&self) -> bool {
        self.reserved == ReservedBits::Rsv1
    }

    fn explain(&mut self, words: &str) {
        self.close_words = Some(Box::new(words.into()));
    }

    fn close(&mut self, reason: CloseReason, ending: Ending) -> CloseProgress {
        let code = close_code(reason);
        if ending == Ending::Flush {
            self.close_with = NonZeroU16::new(code);
            CloseProgress::Flushing
        } else {
            self.close_with = None;
            self.end(code);
            CloseProgress::AwaitingClient
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> CloseProgress {
        // Reads on until the client's close frame. Everything else is dropped.
        let mut dropped = Message::default();
        let mut left = DROPPED;
        while !self.client_closed {
            if left == 0 {
                wake_after_others(cx);
                break;
            }
            left -= 1;
            match self.poll_message(cx, &mut dropped) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => self.client_closed = true,
                Poll::Pending => break,
            }
        }
        if self.close_with.is_some() {
            CloseProgress::Flushing
        } else if self.client_closed && self.flushed {
            CloseProgress::Finished
        } else {
            CloseProgress::AwaitingClient
        }
    }

    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        self.io.direct_writer()
    }

    fn end_turn(&mut self) {
        self.buffer.release();
    }
}

/// What a close frame holds: the code, and as much of the words as there is room for.
fn close_payload(code: u16, words: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    let end = words.floor_char_boundary(MAX_CLOSE - payload.len());
    payload.extend_from_slice(words.get(..end).unwrap_or_default().as_bytes());
    payload
}

/// The close code for an ending (RFC 6455 section 7.4.1). The official clients ignore it; a reader of a capture does not.
pub(crate) fn close_code(reason: CloseReason) -> u16 {
    match reason {
        CloseReason::ServerShuttingDown => 1001,
        CloseReason::ParseError | CloseReason::TransportError => 1002,
        CloseReason::SlowConsumer
        | CloseReason::PingTimeout
        | CloseReason::ForcedClose
        | CloseReason::ForcedServerClose => 1008,
        CloseReason::TransportClose
        | CloseReason::ServerNamespaceDisconnect
        | CloseReason::ClientNamespaceDisconnect => 1000,
    }
}
