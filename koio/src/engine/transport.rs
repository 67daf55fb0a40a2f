//! [`Transport`]: what a session's task asks of the connection to its client.
//!
//! Long-polling and WebSocket implement it in [`transport`](crate::transport), and so does an in-memory transport of the
//! tests. What the engine must know beyond the trait is in the [`Capabilities`](super::transport_kind::Capabilities) of
//! the [`TransportKind`].

use std::{
    any::Any,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};

use super::{CloseReason, breach::Breach, ending::Ending, transport_kind::TransportKind};
use crate::wire::{DecodeError, EnginePacket, Frame, Message, Revision};

/// The connection is gone, or its client broke a rule, and the session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransportLost {
    pub(crate) reason: CloseReason,
    /// The rule that the client broke, in words for the log.
    pub(crate) broken: Option<String>,
}

impl TransportLost {
    /// The connection is gone.
    pub(crate) fn gone(reason: CloseReason) -> Self {
        Self {
            reason,
            broken: None,
        }
    }

    /// The client broke a rule of the protocol, or of its transport.
    pub(crate) fn broken(reason: CloseReason, rule: impl fmt::Display) -> Self {
        Self {
            reason,
            broken: Some(rule.to_string()),
        }
    }
}

/// A connection to one client, owned by its session's task.
pub(crate) trait Transport: Send {
    /// The kind, and with it what this transport can do.
    fn kind(&self) -> TransportKind;

    /// Receives the client's next packet. A message is put into `message`.
    ///
    /// `message` is an out-parameter so that it stays in place until the layer above takes it. Moving a message that was just
    /// built loads wide what was stored in pieces, which defeats store forwarding (echo, 16 in flight: 3,080 → 2,820
    /// instructions with the same for events and drafts).
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<Received, TransportLost>>;

    /// How much has arrived of a message that is not complete.
    fn arriving(&self) -> Option<Arriving> {
        None
    }

    /// Sends what `frames` has, oldest first. `Ready`: all of it is sent, and more would be. `Pending`: the transport takes
    /// no more for now.
    ///
    /// The transport must finish every frame that it takes from `frames`.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>>;

    /// Whether bytes of an answer are still leaving, behind which the client gets its ping. Always false unless the transport
    /// waits for requests.
    fn is_answering(&self) -> bool {
        false
    }

    /// Whether bytes were written since the last call. Distinguishes a slow client from one that does not read at all.
    fn has_progressed(&mut self) -> bool {
        false
    }

    /// Whether the client waits for a packet. Always false unless the transport waits for requests.
    fn is_awaited(&mut self) -> bool {
        false
    }

    /// The bytes of the last answer, which the client may still be receiving. Always 0 unless the transport waits for
    /// requests.
    fn last_answer(&self) -> usize {
        0
    }

    /// A connection that carried requests of the client has ended: remembers what has come until here.
    fn suspect(&mut self) {}

    /// Whether anything has come from the client since [`suspect`](Self::suspect), or it is still connected.
    fn has_returned(&mut self) -> bool {
        true
    }

    /// The client moves to another transport. Whether it does so before it can have what was sent last: the answer to a
    /// request, or the noop of a [release](Self::release).
    fn overtakes_answer(&mut self) -> bool {
        false
    }

    /// Answers a client that waits for a packet: with what `frames` has, else with a noop. A transport without requests that
    /// wait sends a noop behind its last packet, and no other packet until the client has moved, or
    /// [stays](Self::resume).
    fn release(&mut self, frames: &mut dyn FrameSource) {
        let _ = frames;
    }

    /// The client does not move to another transport.
    fn resume(&mut self) {}

    /// Whether no packet can leave for now and the client is not to blame for it: it has no connection and may come back with
    /// another, or it moves to another transport. Asked while the session is open.
    fn awaits_client(&mut self) -> bool {
        false
    }

    /// The client has connected again: the transport goes on with this connection, whose type it knows. Otherwise says why it
    /// can't.
    fn reconnect(&mut self, connection: Box<dyn Any + Send>) -> Result<(), String> {
        drop(connection);
        Ok(())
    }

    /// Keeps what the client is told when the connection is [closed](Self::close), if the transport can say it.
    fn explain(&mut self, words: &str) {
        let _ = words;
    }

    /// Whether its client takes compressed messages.
    fn takes_compressed(&self) -> bool {
        false
    }

    /// Starts to close the connection. Returns how far that is. With [`Ending::Flush`] all frames that are still given to
    /// [`poll_send`](Self::poll_send) are sent first. Called once; what the client sends from here on is dropped.
    fn close(&mut self, reason: CloseReason, ending: Ending) -> CloseProgress;

    /// How far the transport has closed. After [`close`](Self::close), called in every turn, after
    /// [`poll_send`](Self::poll_send).
    fn poll_close(&mut self, cx: &mut Context<'_>) -> CloseProgress;

    /// The session has moved to another transport. Returns this one if it holds packets that were received before.
    fn retire(self: Box<Self>) -> Option<Box<dyn Transport>> {
        None
    }

    /// Writes to the connection from outside the session's task, while nothing waits in this transport.
    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        None
    }

    /// The part of the transport that other tasks need, found again by its type with
    /// [`Session::mailbox`](super::Session::mailbox): the requests of a client that polls.
    fn mailbox(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// The session's turn is over: returns buffers to the thread.
    fn end_turn(&mut self) {}
}

/// How much of a message has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arriving {
    /// Bytes so far.
    pub(crate) bytes: u64,
    /// How many it has at least; 0 if that is unknown.
    pub(crate) expected: u64,
    /// Whether the transport itself judges how they get on: the reader of a POST's body does, since it also answers the POST.
    pub(crate) is_judged: bool,
}

/// A packet of the client.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message, which is in the caller's `message`.
    Message,
    /// Nothing for the layer above: a part of a message, or a control frame of the transport. It counts as so many units of
    /// a turn's budget.
    Part(usize),
    /// The client went beyond a limit. The transport has begun to close, and the session ends.
    Breach(Breach),
    /// Any other packet.
    Packet(EnginePacket),
}

impl Received {
    /// Decodes a whole message of a transport that keeps text and binary apart: a text with its Engine.IO type, or a
    /// binary message.
    #[inline]
    pub(crate) fn decode(message: &mut Message, revision: Revision) -> Result<Self, TransportLost> {
        match message {
            Message::Binary(data) if revision.is_three() => {
                let packet = EnginePacket::decode_binary(std::mem::take(data));
                Self::from_packet(packet, message)
            }
            Message::Binary(_) => Ok(Self::Message),
            Message::Text(text) if text.first() == Some(&EnginePacket::MESSAGE) => {
                text.advance(1);
                Ok(Self::Message)
            }
            Message::Text(text) => {
                let packet = EnginePacket::decode_of(std::mem::take(text), revision);
                Self::from_packet(packet, message)
            }
        }
    }

    /// Puts the message of a decoded packet into `message`.
    pub(crate) fn from_packet(
        packet: Result<EnginePacket, DecodeError>,
        message: &mut Message,
    ) -> Result<Self, TransportLost> {
        match packet {
            Ok(EnginePacket::Message(next)) => {
                *message = next;
                Ok(Self::Message)
            }
            Ok(packet) => Ok(Self::Packet(packet)),
            Err(error) => Err(TransportLost::broken(
                CloseReason::ParseError,
                format_args!("undecodable Engine.IO packet: {error}"),
            )),
        }
    }
}

/// How far a transport has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseProgress {
    /// Something is to be sent first.
    Flushing,
    /// Everything is sent, the close frame included. The client has not answered it.
    AwaitingClient,
    /// Nothing is left to do.
    Finished,
}

/// Frames to be sent, oldest first. All of them are whole: a transport that has written a part of one keeps the rest.
pub(crate) trait FrameSource {
    /// Appends small frames to `buffer` until it holds `enough` bytes. Returns whether there are more frames.
    fn gather(&mut self, buffer: &mut Vec<u8>, enough: usize) -> bool;

    /// The next frame.
    fn next(&mut self) -> Option<Frame>;
}

/// One small frame, or nothing.
impl FrameSource for Option<Frame> {
    fn gather(&mut self, buffer: &mut Vec<u8>, _: usize) -> bool {
        if let Some(frame) = self.take() {
            buffer.extend_from_slice(frame.bytes());
        }
        false
    }

    fn next(&mut self) -> Option<Frame> {
        self.take()
    }
}

/// Writes to a connection at once, from any task. Used by [`Outbox`](super::outbox::Outbox).
///
/// A trait of its own because the session's task owns the [`Transport`]: an emitter on another thread would have to wake
/// that task. Broadcast to 1,000: 0.69 of socketioxide's time with direct writes, 0.79 without.
pub(crate) trait DirectWrite: Send + Sync {
    /// Writes as much of `frames` as the connection takes without waiting.
    ///
    /// If it takes a part, the implementation keeps the rest and writes it ahead of everything else, so that no other bytes
    /// come between the parts of a frame. The outbox holds whole frames only.
    fn write(&self, frames: &mut dyn DirectFrames) -> DirectWritten;

    /// Writes what the connection has begun, then the frames of `source`, as far as the connection takes them without
    /// waiting. Asks the kernel itself, also where the connection is known to be busy. The implementation keeps what it has
    /// taken from `source` and has not written.
    fn flush(&self, source: &mut dyn FrameSource) -> DirectFlushed;
}

/// Whole frames, end to end, for a [`DirectWrite`].
pub(crate) trait DirectFrames {
    /// All bytes.
    fn bytes(&mut self) -> &[u8];

    /// The bytes behind the first `written` ones, without a copy.
    fn take_unwritten(&mut self, written: usize) -> Bytes;
}

/// What came of [`DirectWrite::flush`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectFlushed {
    /// Bytes were written.
    pub(crate) progressed: bool,
    /// Everything is written, and more would be.
    pub(crate) is_all: bool,
}

/// What became of frames that were written directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectWritten {
    /// All of them are written.
    All,
    /// The connection has them, but the session's task must go on writing.
    Part,
    /// Nothing is written. The frames are still the caller's.
    Nothing,
}
