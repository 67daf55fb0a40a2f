//! When the next ping is sent, and when its pong must have come.

use std::time::{Duration, Instant};

use crate::time::PUNCTUAL;

/// [`PUNCTUAL`], or half the ping timeout if that is less. A ping that is sent later, because the machine is overloaded,
/// gives the client the whole timeout from then on.
pub(super) fn punctual(ping_timeout: Duration) -> Duration {
    PUNCTUAL.min(ping_timeout / 2)
}

/// What the heartbeat waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Awaited {
    /// The time of the next ping.
    Ping,
    /// The client's pong.
    Pong,
}

/// The heartbeat of one session. Since revision 4 of the protocol the server sends the pings.
#[derive(Debug)]
pub(super) struct Heartbeat {
    awaited: Awaited,
    /// When the ping is sent, or the pong must have come.
    at: Instant,
}

impl Heartbeat {
    /// The first ping is due one interval from now.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            awaited: Awaited::Ping,
            at: now + interval,
        }
    }

    /// When a ping is due, or a pong is missed.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Whether a ping was sent and its pong has not come.
    pub(super) fn awaits_pong(&self) -> bool {
        self.awaited == Awaited::Pong
    }

    /// A pong has come. One without a ping moves no timer.
    pub(super) fn pong(&mut self, interval: Duration, now: Instant) {
        if self.awaits_pong() {
            *self = Self::new(interval, now);
        }
    }

    /// The client gets more time for its pong.
    pub(super) fn rest(&mut self, time: Duration) {
        if self.awaits_pong() {
            self.at += time;
        }
    }

    /// Whether a ping must be sent. From then on its pong is awaited.
    pub(super) fn ping(&mut self, timeout: Duration, now: Instant) -> bool {
        if self.awaits_pong() || now < self.at {
            return false;
        }
        let late = now.saturating_duration_since(self.at);
        let sent = if late <= punctual(timeout) {
            self.at
        } else {
            now
        };
        *self = Self {
            awaited: Awaited::Pong,
            at: sent + timeout,
        };
        true
    }

    /// How long the pong was waited for, if it has not come in time. Without the time that did not count.
    pub(super) fn missed(&self, timeout: Duration, now: Instant) -> Option<Duration> {
        let late = now.checked_duration_since(self.at)?;
        self.awaits_pong().then_some(timeout + late)
    }
}
