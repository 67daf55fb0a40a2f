//! What is counted: every way in which something is not delivered, by its cause.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of what the server dropped, refused or ended on its own account, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Volatile messages that were dropped because their recipient could not take them at once.
    pub volatile_dropped: u64,
    /// Clients that were closed because they did not read what was sent to them.
    pub slow_consumers: u64,
    /// Sessions that were closed because their client broke the protocol.
    pub protocol_errors: u64,
    /// Acks of clients that came too late, twice, or for nothing that was asked.
    pub unexpected_acks: u64,
    /// Answers that a handler gave after its event had been answered.
    pub second_answers: u64,
    /// Events that were dropped unread because their namespace had just been left.
    pub late_events: u64,
    /// Handlers that were dropped because they outlived their socket by more than the grace.
    pub handlers_dropped: u64,
}

/// The live counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) volatile_dropped: Counter,
    pub(crate) slow_consumers: Counter,
    pub(crate) protocol_errors: Counter,
    pub(crate) unexpected_acks: Counter,
    pub(crate) second_answers: Counter,
    pub(crate) late_events: Counter,
    pub(crate) handlers_dropped: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Counts {
        Counts {
            volatile_dropped: self.volatile_dropped.get(),
            slow_consumers: self.slow_consumers.get(),
            protocol_errors: self.protocol_errors.get(),
            unexpected_acks: self.unexpected_acks.get(),
            second_answers: self.second_answers.get(),
            late_events: self.late_events.get(),
            handlers_dropped: self.handlers_dropped.get(),
        }
    }
}
