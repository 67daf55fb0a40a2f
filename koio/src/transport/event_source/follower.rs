//! The transport of a client that speaks no Engine.IO: events as a name, an id and JSON, and nothing from the client.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};

use super::pipe::StreamPipe;
use crate::{
    engine::{
        CloseReason, Ending, TransportKind,
        transport::{CloseProgress, FrameSource, Received, Transport, TransportLost},
    },
    wire::{EnginePacket, Frame, Message, PlainEvent},
};

/// Begins each stream: how many milliseconds a browser waits before it comes back.
const RETRY: &[u8] = b"retry: 2000\n\n";

/// A heartbeat: a comment.
const BEAT: &[u8] = b":\n\n";

/// One stream down.
pub(crate) struct FollowerTransport {
    stream: Arc<StreamPipe>,
    namespace: Arc<str>,
    /// Whether the last argument of each event is its position.
    positioned: bool,
    /// A ping was sent as a comment, which no client answers. One that reads no more does not take it, and is a slow consumer.
    owes_pong: bool,
    state: FollowerState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FollowerState {
    Open,
    /// Closing. Queued events are sent first.
    Flushing,
    Ended,
}

impl FollowerTransport {
    pub(crate) fn new(stream: Arc<StreamPipe>, namespace: Arc<str>, positioned: bool) -> Self {
        stream.write(|bytes| bytes.extend_from_slice(RETRY));
        Self {
            stream,
            namespace,
            positioned,
            owes_pong: false,
            state: FollowerState::Open,
        }
    }

    fn send(&mut self, frame: &Frame) {
        let mut parts = frame.parts().peekable();
        while let Some(part) = parts.next() {
            let mut attachments = Vec::new();
            while let Some(binary) = parts.next_if(|part| !part.text) {
                attachments.push(binary.payload);
            }
            match part.payload {
                b"2" => {
                    self.owes_pong = true;
                    self.stream.write(|bytes| bytes.extend_from_slice(BEAT));
                }
                // What the client is to say that it has, if the next event does not reach it.
                [b'0', position @ ..] => {
                    let line = [b"id: ", position, b"\n\n"].concat();
                    self.stream.write(|bytes| bytes.extend_from_slice(&line));
                }
                text => {
                    let (namespace, positioned) = (&self.namespace, self.positioned);
                    let event = PlainEvent::read(text, &attachments, namespace, positioned);
                    if let Some(event) = event {
                        self.stream.write(|bytes| write(&event, bytes));
                    }
                }
            }
        }
    }

    fn end(&mut self) {
        self.stream.end();
        self.state = FollowerState::Ended;
    }
}

fn write(event: &PlainEvent, to: &mut BytesMut) {
    let id = event.position.as_deref();
    for (field, value) in [
        (&b"event: "[..], Some(event.name.as_str())),
        (b"id: ", id),
        (b"data: ", Some(&event.data)),
    ] {
        if let Some(value) = value {
            to.extend_from_slice(field);
            to.extend_from_slice(value.as_bytes());
            to.extend_from_slice(b"\n");
        }
    }
    to.extend_from_slice(b"\n");
}

impl Transport for FollowerTransport {
    fn kind(&self) -> TransportKind {
        TransportKind::EventSource
    }

    fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        _: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        if self.stream.is_dropped() {
            return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
        }
        if std::mem::take(&mut self.owes_pong) {
            let pong = EnginePacket::Pong(Bytes::new());
            return Poll::Ready(Ok(Received::Packet(pong)));
        }
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        if self.state == FollowerState::Ended {
            return Poll::Pending;
        }
        if self.stream.is_dropped() {
            // Its session does not read while much is queued.
            return Poll::Ready(Err(TransportLost::gone(CloseReason::TransportClose)));
        }
        loop {
            if !self.stream.has_room(cx) {
                return Poll::Pending;
            }
            match frames.next() {
                Some(frame) => self.send(&frame),
                None if self.state == FollowerState::Flushing => {
                    self.end();
                    return Poll::Pending;
                }
                None => break,
            }
        }
        if self.owes_pong {
            // It is received in the next turn.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn has_progressed(&mut self) -> bool {
        self.stream.has_progressed()
    }

    fn close(&mut self, reason: CloseReason, ending: Ending) -> CloseProgress {
        if ending == Ending::Flush {
            self.state = FollowerState::Flushing;
            return CloseProgress::Flushing;
        }
        if reason == CloseReason::SlowConsumer {
            // Nothing is kept for a client that does not read.
            self.stream.cut();
        }
        self.end();
        CloseProgress::Finished
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> CloseProgress {
        let is_sent = self.state == FollowerState::Ended && self.stream.is_finished(cx);
        match is_sent || self.stream.is_dropped() {
            true => CloseProgress::Finished,
            false => CloseProgress::Flushing,
        }
    }
}

impl Drop for FollowerTransport {
    fn drop(&mut self) {
        self.stream.end();
    }
}
