//! WebSocket: the protocol is tungstenite's, whole messages in and out are ours.
//!
//! A message that came in one frame is unmasked and cut out of what was read from the socket. Everything else is
//! tungstenite's `WebSocketContext`'s, and what it wants to write (pongs, the answer to a close) is collected as whole
//! frames. Frames to the client come ready-made, header included, and are written as they are.

mod read;
mod slow;
#[cfg(test)]
mod tests;
mod whole;
mod write;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;

use self::{
    read::{Heard, Reader},
    write::WriteQueue,
};
use super::tcp::{ByteStream, Tcp};
use crate::{
    engine::{
        CloseReason, EngineConfig,
        transport::{DirectWrite, FrameSource, Transport, TransportLost},
    },
    wire::Message,
};

/// A WebSocket over any byte stream.
pub(super) struct WebSocketTransport<S> {
    io: S,
    reader: Reader,
    outgoing: WriteQueue,
    close_sent: bool,
    shut: bool,
    phase: ConnectionPhase,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ConnectionPhase {
    Open,
    /// The peer broke the protocol, or has closed: what it still sends is read and dropped, so that closing the
    /// socket does not reset the connection before our close frame has arrived.
    Draining,
    Ended,
}

impl<S> WebSocketTransport<S> {
    /// A WebSocket whose handshake is done. `unread`: bytes that came right behind it.
    pub(super) fn new(io: S, unread: &Bytes, config: &EngineConfig) -> Self {
        Self {
            io,
            reader: Reader::new(unread, config),
            outgoing: WriteQueue::default(),
            close_sent: false,
            shut: false,
            phase: ConnectionPhase::Open,
        }
    }

    /// The peer broke the protocol: tells it so, and stops listening. tungstenite itself only reports.
    fn violation(&mut self, code: u16) {
        self.close_frame(code);
        self.phase = ConnectionPhase::Draining;
        self.reader.stop();
    }

    fn close_frame(&mut self, code: u16) {
        self.take_control();
        if !self.close_sent {
            self.close_sent = true;
            let [high, low] = code.to_be_bytes();
            self.outgoing
                .push(Bytes::copy_from_slice(&[0x88, 2, high, low]));
        }
    }

    /// Moves the context's own frames behind those that are already on their way, when there is room: what the
    /// peer asks for must not grow with what it does not read.
    fn take_control(&mut self) {
        let frames = self.reader.take_control();
        // After our close frame nothing may follow, tungstenite's answer to the peer's close included.
        if !self.close_sent && !frames.is_empty() {
            self.outgoing.push(frames.into());
        }
    }
}

impl WebSocketTransport<Tcp> {
    /// Writes these bytes ahead of everything else.
    pub(super) fn begin_with(&mut self, bytes: &[u8]) {
        // An error is found by whoever reads next.
        let written = self.io.try_write(bytes).unwrap_or(0);
        if let Some(rest @ [_, ..]) = bytes.get(written..) {
            self.outgoing.push(Bytes::copy_from_slice(rest));
        }
    }
}

impl<S: ByteStream> WebSocketTransport<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(self.reader.block.poll_fill(Pin::new(&mut self.io), cx)) {
                Ok(1..) => self.reader.block.forget(),
                Ok(0) | Err(_) => {
                    self.phase = ConnectionPhase::Ended;
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl<S: ByteStream> Transport for WebSocketTransport<S> {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<(), TransportLost>> {
        match self.phase {
            ConnectionPhase::Open => {}
            ConnectionPhase::Draining => {
                return self
                    .poll_drain(cx)
                    .map(|()| Err(TransportLost(CloseReason::TransportError)));
            }
            ConnectionPhase::Ended => {
                return Poll::Ready(Err(TransportLost(CloseReason::TransportClose)));
            }
        }
        loop {
            match self.reader.next(message) {
                Some(Heard::Message) => return Poll::Ready(Ok(())),
                Some(Heard::Close) => {
                    self.take_control();
                    self.close_sent = true;
                    self.phase = ConnectionPhase::Draining;
                    self.reader.stop();
                    return Poll::Ready(Err(TransportLost(CloseReason::TransportClose)));
                }
                Some(Heard::Violation(code)) => {
                    self.violation(code);
                    return Poll::Ready(Err(TransportLost(CloseReason::TransportError)));
                }
                None => {}
            }
            self.reader.block.rest();
            match ready!(self.reader.block.poll_fill(Pin::new(&mut self.io), cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => {
                    self.phase = ConnectionPhase::Ended;
                    return Poll::Ready(Err(TransportLost(CloseReason::TransportClose)));
                }
            }
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        let gone = |_| TransportLost(CloseReason::TransportClose);
        // Nothing follows a close frame.
        let source = if self.close_sent { &mut None } else { source };
        let io = Pin::new(&mut self.io);
        let mut control = self.reader.take_control();
        let written = self.outgoing.poll_write(io, cx, &mut control, source);
        self.reader.put_control(control);
        ready!(written).map_err(gone)?;
        let io = Pin::new(&mut self.io);
        // With both close frames exchanged, or nothing worth hearing any more, it is the server that
        // ends the connection (RFC 6455 section 7.1.1): clients wait for that.
        let flushed = if self.close_sent && self.phase != ConnectionPhase::Open && !self.shut {
            let shut = io.poll_shutdown(cx);
            self.shut = shut.is_ready();
            shut
        } else {
            io.poll_flush(cx)
        };
        flushed.map_err(gone)
    }

    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        self.io.direct_writer()
    }

    fn has_progressed(&mut self) -> bool {
        self.outgoing.has_progressed()
    }

    fn is_partial(&self) -> bool {
        self.phase == ConnectionPhase::Open && self.reader.is_partial()
    }

    fn rest(&mut self) {
        self.reader.block.rest();
    }

    fn close(&mut self, code: u16) {
        if self.phase == ConnectionPhase::Ended {
            // The peer has hung up: a frame would cost two packets, and nobody would see it.
            self.close_sent = true;
            self.shut = true;
            return;
        }
        self.close_frame(code);
    }
}
