//! The one rule of which frames a client's queue takes.

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

/// How much may wait for one client.
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

    /// Whether so much is more than may wait.
    pub(super) fn are_exceeded(&self, bytes: usize, messages: usize) -> bool {
        bytes > self.bytes || messages > self.messages
    }

    /// Whether a frame is refused with which so much would wait. `is_first`: nothing waits yet. Such a frame is taken whatever
    /// its size: one above the limit could never be sent otherwise.
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
