//! A connection in both directions that a session's task owns: a WebSocket, seen from below.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use super::CloseReason;
use crate::wire::{Frame, Message};

/// The connection is gone, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransportLost(pub(crate) CloseReason);

/// The transport seam: the WebSocket implements it, and scripted ones in the tests of the session's task.
pub(crate) trait Transport: Send {
    /// Puts the next message into `message`, whole: a text message with its Engine.IO type digit, or a binary one.
    ///
    /// It stays in this place until the layer above takes it. To be handed on by value through each layer would cost
    /// more than what they do with it.
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Poll<Result<(), TransportLost>>;

    /// WriteBudget what is pending, then what `source` has, until there is no more (`Ready`) or the connection
    /// takes no more (`Pending`). A frame that was begun is always finished first.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>>;

    /// A way to write past the session's task while nothing is pending here, if there is one.
    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        None
    }

    /// Whether anything has been written since this was asked last: tells progress from a standstill.
    fn has_progressed(&mut self) -> bool;

    /// Whether a message has begun to arrive and is not complete.
    fn is_partial(&self) -> bool;

    /// The turn is over: gives back what was borrowed from the thread.
    fn rest(&mut self) {}

    /// Sends a close frame behind everything that was handed over so far. Reading goes on until the peer has
    /// answered it.
    fn close(&mut self, code: u16);
}

/// What is to be written, oldest first.
pub(crate) trait FrameSource {
    /// Puts frames behind what is there already, as far as they are small, until that is so long or longer. Says
    /// whether there are more.
    fn gather(&mut self, together: &mut Vec<u8>, enough: usize) -> bool;

    /// The next frame.
    fn next(&mut self) -> Option<Frame>;
}

/// One small frame, or nothing.
impl FrameSource for Option<Frame> {
    fn gather(&mut self, together: &mut Vec<u8>, _: usize) -> bool {
        if let Some(frame) = self.take() {
            together.extend_from_slice(frame.bytes());
        }
        false
    }

    fn next(&mut self) -> Option<Frame> {
        self.take()
    }
}

/// WriteBudget to a connection at once, from any task. Whoever uses it sees to the order: see
/// [`Outbox`](super::outbox::Outbox).
pub(crate) trait DirectWrite: Send + Sync {
    /// WriteBudget as much as the connection takes without waiting, which may be a part.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}
