//! The rule that decides which frames a client's queue accepts.

use crate::engine::EngineConfig;

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The client does not read fast enough: nothing was queued.
    Full,
    /// The session is over.
    Closed,
}

/// Whether a frame may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Queued if there is room.
    Normal,
    /// Queued in any case: answers and heartbeats, whose number the client itself bounds, since the session stops reading
    /// while its queue is over the limit.
    Reply,
}

/// How much may be queued for one client.
#[derive(Debug)]
pub(super) struct QueueLimits {
    bytes: usize,
    messages: usize,
}

impl QueueLimits {
    pub(super) fn new(config: &EngineConfig) -> Self {
        Self {
            bytes: config.send_queue_bytes,
            messages: config.send_queue_messages,
        }
    }

    /// Whether so many bytes or messages are above the limits.
    pub(super) fn are_exceeded(&self, bytes: usize, messages: usize) -> bool {
        bytes > self.bytes || messages > self.messages
    }

    /// Whether to refuse a frame that would bring the queue to so many bytes and messages. `is_first`: the queue is empty.
    /// Then a frame of any size is accepted, since one above the limit could never be sent otherwise.
    pub(super) fn refuse(
        &self,
        bytes: usize,
        messages: usize,
        is_first: bool,
        urgency: Urgency,
    ) -> bool {
        urgency == Urgency::Normal && !is_first && self.are_exceeded(bytes, messages)
    }
}
