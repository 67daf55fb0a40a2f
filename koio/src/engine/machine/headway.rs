//! Whether something that takes long gets on.

use std::time::{Duration, Instant};

/// How something of unknown length must get on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest pause. Also the time over which the rate is measured.
    pub(crate) pause: Duration,
    /// Bytes a second.
    pub(crate) min_rate: Option<usize>,
}

impl Pace {
    /// The fewest bytes that come in the time of one pause.
    fn fewest(self) -> u64 {
        let rate = self.min_rate.unwrap_or(0) as u128;
        u64::try_from(rate * self.pause.as_millis() / 1_000).unwrap_or(u64::MAX)
    }
}

/// Something of unknown length that must go on: a message that arrives, or bytes that leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Headway {
    /// When it went on last, or began.
    last: Instant,
    /// How far it is.
    bytes: u64,
    /// When the rate's window began.
    window: Instant,
    /// How far it was then.
    before: u64,
}

/// Why something does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It paused, this far.
    Paused { bytes: u64 },
    /// It made only so many bytes in the window.
    TooSlow { bytes: u64 },
}

impl Headway {
    /// It begins, and is `bytes` far already.
    pub(crate) fn begin(bytes: u64, now: Instant) -> Self {
        Self {
            last: now,
            bytes,
            window: now,
            before: 0,
        }
    }

    /// It is `bytes` far now.
    pub(crate) fn reach(&mut self, bytes: u64, now: Instant) {
        if bytes != self.bytes {
            self.last = now;
            self.bytes = bytes;
            // What is counted may become less: a message that was unfinished is dropped.
            self.before = self.before.min(bytes);
        }
    }

    /// How far it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long it has paused.
    pub(crate) fn pause(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }

    /// When it must be judged next.
    pub(crate) fn deadline(&self, pace: Pace) -> Instant {
        // The window began no later than the last byte came.
        let from = match pace.min_rate {
            Some(_) => self.window.min(self.last),
            None => self.last,
        };
        from + pace.pause
    }

    /// Whether it has paused, or was too slow since the window began. After that time another window begins.
    pub(crate) fn judge(&mut self, pace: Pace, now: Instant) -> Option<Halt> {
        if self.pause(now) >= pace.pause {
            return Some(Halt::Paused { bytes: self.bytes });
        }
        if now.saturating_duration_since(self.window) < pace.pause {
            return None;
        }
        let bytes = self.bytes.saturating_sub(self.before);
        if bytes < pace.fewest() {
            return Some(Halt::TooSlow { bytes });
        }
        self.restart(now);
        None
    }

    /// Begins another window.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.window = now;
        self.before = self.bytes;
    }

    /// That much time does not count, because the server did not look.
    pub(crate) fn rest(&mut self, time: Duration) {
        self.last += time;
        self.window += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        pause: Duration::from_secs(10),
        min_rate: Some(4_096),
    };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Lets `rate` bytes a second come, with a look each second. Returns when and why it is halted.
    fn come(rate: u64, pauses: std::ops::Range<u64>) -> Option<(u64, Halt)> {
        let begun = Instant::now();
        let mut headway = Headway::begin(0, begun);
        let mut bytes = 0;
        for second in 1..=600 {
            if !pauses.contains(&second) {
                bytes += rate;
            }
            let now = begun + seconds(second);
            headway.reach(bytes, now);
            if now >= headway.deadline(PACE)
                && let Some(halt) = headway.judge(PACE, now)
            {
                return Some((second, halt));
            }
        }
        None
    }

    #[test]
    fn whatever_comes_at_the_lowest_rate_may_take_any_time() {
        assert_eq!(come(4_096, 0..0), None);
        assert_eq!(come(60_000, 0..0), None);
    }

    #[test]
    fn what_comes_more_slowly_is_halted_after_one_window() {
        let halt = Halt::TooSlow { bytes: 40_950 };
        assert_eq!(come(4_095, 0..0), Some((10, halt)));
        assert_eq!(come(1, 0..0), Some((10, Halt::TooSlow { bytes: 10 })));
    }

    #[test]
    fn a_pause_is_halted_wherever_in_a_window_it_begins() {
        for begun in 1..30 {
            let bytes = (begun - 1) * 60_000;
            let halt = Some((begun + 9, Halt::Paused { bytes }));
            assert_eq!(come(60_000, begun..600), halt);
            assert_eq!(come(60_000, begun..begun + 9), None);
        }
    }

    #[test]
    fn time_in_which_the_server_did_not_look_does_not_count() {
        let begun = Instant::now();
        let mut headway = Headway::begin(1, begun);
        headway.rest(seconds(100));
        assert_eq!(headway.deadline(PACE), begun + seconds(110));
        assert_eq!(headway.judge(PACE, begun + seconds(109)), None);
    }
}
