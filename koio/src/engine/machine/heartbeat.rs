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
    /// The client's next ping: in revision 3 of the protocol.
    ClientPing,
}

/// The heartbeat of one session. Since revision 4 of the protocol the server sends the pings; in revision 3 the client does.
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

    /// The client sends the pings, and has so much time for each.
    pub(super) fn of_client(time: Duration, now: Instant) -> Self {
        Self {
            awaited: Awaited::ClientPing,
            at: now + time,
        }
    }

    /// When a ping is due, or what the client owes is missed.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Whether the client sends the pings.
    pub(super) fn is_of_client(&self) -> bool {
        self.awaited == Awaited::ClientPing
    }

    /// Whether the client owes a pong, or its next ping.
    pub(super) fn is_owed(&self) -> bool {
        self.awaited != Awaited::Ping
    }

    /// A pong has come. One without a ping moves no timer.
    pub(super) fn pong(&mut self, interval: Duration, now: Instant) {
        if self.awaited == Awaited::Pong {
            *self = Self::new(interval, now);
        }
    }

    /// The client gets more time for what it owes.
    pub(super) fn rest(&mut self, time: Duration) {
        if self.is_owed() {
            self.at += time;
        }
    }

    /// Whether a ping must be sent. From then on its pong is awaited.
    pub(super) fn ping(&mut self, timeout: Duration, now: Instant) -> bool {
        if self.is_owed() || now < self.at {
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

    /// How long the pong, or the client's ping, was waited for, if it has not come in the time that it has. Without the time that
    /// did not count.
    pub(super) fn missed(&self, time: Duration, now: Instant) -> Option<Duration> {
        let late = now.checked_duration_since(self.at)?;
        self.is_owed().then_some(time + late)
    }
}
