//! The rule that decides which frames a client's queue accepts.
//!
//! Two marks, and both judge what waits already, never the frame itself: a queue below a mark takes a frame of any size.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::engine::EngineConfig;

/// What each message that waits counts beside its bytes: about the memory that the queue needs for it.
pub(super) const MESSAGE_WEIGHT: usize = 64;

/// What frames count in a queue.
pub(super) const fn weight(bytes: usize, messages: usize) -> usize {
    bytes.saturating_add(messages.saturating_mul(MESSAGE_WEIGHT))
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The client does not read fast enough: nothing was queued.
    Full {
        /// Bytes that wait for the client, 64 more counted for each message.
        waiting: usize,
        /// [`EngineConfig::send_queue_bytes`](crate::config::EngineConfig::send_queue_bytes).
        limit: usize,
    },
    /// The session is over.
    Closed,
}

/// Why a frame was not queued, in one byte: it is returned for every recipient of a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// The client does not read fast enough. The sender is told.
    Full,
    /// The client has stopped reading. The session is to be cut as a slow consumer.
    SlowConsumer,
    /// The session is over.
    Closed,
}

/// What becomes of a frame that finds the queue above a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It has one recipient, whose sender is told: refused at the first mark.
    Normal,
    /// It has many recipients, and this one must not miss it: refused at the second mark, and where the client takes nothing.
    /// Then the session ends.
    Shared,
    /// An answer or a heartbeat: refused at the second mark. Then the session ends. The session does not read while its
    /// queue is above the first mark, so that the client bounds their number.
    Reply,
}

/// How much may wait for one client.
#[derive(Debug)]
pub(super) struct QueueLimits {
    first_mark: usize,
    second_mark: usize,
    /// Nanoseconds, up to 584 years: a session has one of these, and a `Duration` is twice as long.
    write_timeout: u64,
}

/// Why a session is cut as a slow consumer: the limit by its name, and both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlowCause {
    /// More waits than [`EngineConfig::send_queue_hard`].
    Queue { waiting: usize, limit: usize },
    /// More waits than [`EngineConfig::send_queue_bytes`], and the client has taken nothing for the time.
    NoProgress { waiting: usize, timeout: Duration },
    /// The connection has taken nothing for the time.
    WriteTimeout(Duration),
}

impl SlowCause {
    /// The name of the limit.
    pub(crate) fn limit(self) -> &'static str {
        match self {
            Self::Queue { .. } => "send_queue_hard",
            Self::NoProgress { .. } | Self::WriteTimeout(_) => "write_timeout",
        }
    }
}

impl fmt::Display for SlowCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue { waiting, limit } => {
                write!(f, "{waiting} bytes wait (`send_queue_hard`: {limit})")
            }
            Self::NoProgress { waiting, timeout } => write!(
                f,
                "{waiting} bytes wait, and nothing was taken for {timeout:?} (`write_timeout`)"
            ),
            Self::WriteTimeout(timeout) => {
                write!(f, "nothing was taken for {timeout:?} (`write_timeout`)")
            }
        }
    }
}

impl QueueLimits {
    pub(super) fn new(config: &EngineConfig) -> Self {
        Self {
            first_mark: config.send_queue_bytes,
            second_mark: config.send_queue_hard.max(config.send_queue_bytes),
            write_timeout: u64::try_from(config.write_timeout.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    fn write_timeout(&self) -> Duration {
        Duration::from_nanos(self.write_timeout)
    }

    /// The cause of a session that ends for want of progress in writing.
    pub(super) fn write_timeout_cause(&self) -> SlowCause {
        SlowCause::WriteTimeout(self.write_timeout())
    }

    /// What the sender is told whose frame found so much waiting.
    pub(super) fn full(&self, waiting: usize) -> SendError {
        SendError::Full {
            waiting,
            limit: self.first_mark,
        }
    }

    /// Whether so much waits that the first mark is reached.
    pub(super) fn is_above_first(&self, waiting: usize) -> bool {
        waiting >= self.first_mark
    }

    /// Whether to take a frame while so much waits. `since`: when the client last took something, as far as is
    /// known.
    pub(super) fn judge(
        &self,
        urgency: Urgency,
        waiting: usize,
        since: Instant,
        now: Instant,
    ) -> Result<(), Overfull> {
        if waiting < self.first_mark {
            return Ok(());
        }
        if urgency == Urgency::Normal {
            return Err(Overfull::Full);
        }
        if waiting >= self.second_mark {
            return Err(Overfull::Slow(SlowCause::Queue {
                waiting,
                limit: self.second_mark,
            }));
        }
        let timeout = self.write_timeout();
        if urgency == Urgency::Shared && now.saturating_duration_since(since) >= timeout {
            return Err(Overfull::Slow(SlowCause::NoProgress { waiting, timeout }));
        }
        Ok(())
    }
}

/// Why [`QueueLimits::judge`] is against a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overfull {
    /// The sender is told.
    Full,
    /// The session ends.
    Slow(SlowCause),
}
