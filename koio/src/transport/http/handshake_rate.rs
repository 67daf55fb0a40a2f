//! How often one connection may open sessions.

use std::time::{Duration, Instant};

use crate::{engine::LimitReached, time::now};

/// The handshakes of one HTTP connection: at most `handshakes_per_second` at once, and so many in each second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum HandshakeRate {
    #[default]
    NoHandshake,
    /// Most connections open one session at most: the clock is not read for them.
    One,
    /// When the handshakes so far would have come if they were as far apart as the limit wants.
    Until(Instant),
}

impl HandshakeRate {
    /// Counts a handshake, or refuses it.
    pub(crate) fn take(&mut self, per_second: u32) -> Result<(), LimitReached> {
        if matches!(self, Self::NoHandshake) {
            *self = Self::One;
            return Ok(());
        }
        let now = now();
        let apart = Duration::from_secs(1) / per_second.max(1);
        let until = match *self {
            Self::Until(until) => until.max(now),
            _ => now + apart,
        };
        *self = Self::Until(until);
        if until + apart > now + Duration::from_secs(1) {
            let max = usize::try_from(per_second).unwrap_or(usize::MAX);
            return Err(LimitReached {
                limit: "handshakes_per_second",
                count: max,
                max,
            });
        }
        *self = Self::Until(until + apart);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_makes_no_more_handshakes_in_a_second_than_the_limit() {
        let mut rate = HandshakeRate::default();
        let mut made = |tries| (0..tries).filter(|_| rate.take(100).is_ok()).count();
        assert_eq!(made(1_000), 100);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(made(1_000), 10);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(made(1_000), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn one_handshake_in_a_second_is_the_least_limit() {
        let mut rate = HandshakeRate::default();
        assert!(rate.take(1).is_ok());
        let refused = rate.take(1).unwrap_err();
        assert_eq!(refused.to_string(), "handshakes_per_second reached: 1 of 1");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(rate.take(1).is_ok());
    }
}
