//! How long to wait before the next attempt to connect.

use std::time::{Duration, Instant};

/// Waits that double up to a cap, each shortened by up to a half at random, so that the nodes that lost one server do
/// not all come back at once.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The first wait.
    pub(super) const FIRST: Duration = Duration::from_millis(100);
    /// The longest wait.
    pub(super) const CAP: Duration = Duration::from_secs(10);

    pub(super) fn new() -> Self {
        Self { failures: 0 }
    }

    /// The wait before the next attempt. `random` is any number, evenly distributed.
    pub(super) fn next(&mut self, random: u32) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let wait = Self::FIRST.saturating_mul(doubled).min(Self::CAP);
        self.failures = self.failures.saturating_add(1);
        let part = f64::from(random) / (f64::from(u32::MAX) + 1.0);
        wait - (wait / 2).mul_f64(part)
    }

    /// A connection has ended that was up since `since`. The waits begin anew only if it lasted for longer than the
    /// cap: a server that takes each connection and ends it at once is not asked in a loop.
    pub(super) fn lasted(&mut self, since: Instant, now: Instant) {
        if now.saturating_duration_since(since) > Self::CAP {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Backoff::FIRST;
    const CAP: Duration = Backoff::CAP;

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(
            waits,
            [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
        );
    }

    #[test]
    fn waits_stay_at_the_cap_for_ever() {
        let mut backoff = Backoff::new();
        for _ in 0..200 {
            backoff.next(0);
        }
        assert_eq!(backoff.next(0), CAP);
    }

    #[test]
    fn chance_takes_up_to_a_half_of_a_wait() {
        let mut backoff = Backoff::new();
        let shortest = backoff.next(u32::MAX);
        assert!(shortest >= FIRST / 2 && shortest < FIRST.mul_f64(0.51));
    }

    #[test]
    fn a_connection_that_lasted_longer_than_the_cap_lets_the_waits_begin_anew() {
        let mut backoff = Backoff::new();
        backoff.next(0);
        backoff.next(0);
        let since = Instant::now();
        backoff.lasted(since, since + CAP);
        assert_eq!(backoff.next(0), 4 * FIRST, "a short one does not");
        backoff.lasted(since, since + CAP + Duration::from_millis(1));
        assert_eq!(backoff.next(0), FIRST);
    }
}
