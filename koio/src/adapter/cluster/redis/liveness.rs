//! Whether a subscription still hears anything.

use std::time::{Duration, Instant};

/// The most intervals that one wait before a restart takes.
const LONGEST_WAIT: u32 = 10;

/// The pure rules of a connection that only listens: its server may be gone, or be another one by now, while the
/// connection looks alive.
///
/// If nothing came for an interval, a probe is published to a channel of this node's own. Only a probe that Redis has
/// accepted counts, since a failed one says nothing about the listening side. If nothing comes for a further interval
/// behind that, the connection is deaf and starts anew: the first time at once, then after 1, 2, 4, .. intervals, up to
/// 10. Anything that comes ends all of that.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Duration,
    phase: LivenessPhase,
    /// Restarts since anything came.
    restarts: u32,
}

#[derive(Debug)]
enum LivenessPhase {
    /// Nothing came since then.
    Silent(Instant),
    /// A probe is on its way to the server.
    Publishing,
    /// The server has taken a probe then.
    Probed(Instant),
    /// The connection is deaf, and starts anew then.
    Deaf(Instant),
}

/// What [`Liveness`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LivenessAction {
    /// Publish a probe, and say how that went.
    Probe,
    /// Drop the connection, and connect anew.
    Restart,
}

impl Liveness {
    /// For a connection that is there from now on.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            phase: LivenessPhase::Silent(now),
            restarts: 0,
        }
    }

    /// Anything came, on any channel.
    pub(super) fn heard(&mut self, now: Instant) {
        self.phase = LivenessPhase::Silent(now);
        self.restarts = 0;
    }

    /// The connection is a new one.
    pub(super) fn reconnected(&mut self, now: Instant) {
        self.phase = LivenessPhase::Silent(now);
    }

    /// How the publishing of a probe ended.
    pub(super) fn probed(&mut self, accepted: bool, now: Instant) {
        if matches!(self.phase, LivenessPhase::Publishing) {
            self.phase = if accepted {
                LivenessPhase::Probed(now)
            } else {
                LivenessPhase::Silent(now)
            };
        }
    }

    /// When to ask [`next`](Self::next); `None` while a probe is published.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.phase {
            LivenessPhase::Silent(since) | LivenessPhase::Probed(since) => {
                Some(since + self.interval)
            }
            LivenessPhase::Publishing => None,
            LivenessPhase::Deaf(until) => Some(until),
        }
    }

    /// What to do now, if anything.
    pub(super) fn next(&mut self, now: Instant) -> Option<LivenessAction> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        if let LivenessPhase::Silent(_) = self.phase {
            self.phase = LivenessPhase::Publishing;
            return Some(LivenessAction::Probe);
        }
        if let LivenessPhase::Probed(_) = self.phase {
            self.phase = LivenessPhase::Deaf(now + self.interval * self.wait());
        }
        if let LivenessPhase::Deaf(until) = self.phase
            && now >= until
        {
            self.restarts = self.restarts.saturating_add(1);
            self.phase = LivenessPhase::Silent(now);
            return Some(LivenessAction::Restart);
        }
        None
    }

    /// The intervals to wait before a restart.
    fn wait(&self) -> u32 {
        match self.restarts {
            0 => 0,
            before => 1_u32
                .checked_shl(before - 1)
                .unwrap_or(LONGEST_WAIT)
                .min(LONGEST_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);
    const TICK: Duration = Duration::from_secs(1);

    /// A clock of seconds around one [`Liveness`].
    struct Clocked {
        liveness: Liveness,
        now: Instant,
    }

    impl Clocked {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                liveness: Liveness::new(INTERVAL, now),
                now,
            }
        }

        /// The first action within so many seconds, and after how many it came.
        fn within(&mut self, seconds: u32) -> Option<(u32, LivenessAction)> {
            for second in 1..=seconds {
                self.now += TICK;
                if let Some(action) = self.liveness.next(self.now) {
                    return Some((second, action));
                }
            }
            None
        }

        fn hear(&mut self) {
            self.liveness.heard(self.now);
        }

        fn probed(&mut self, accepted: bool) {
            self.liveness.probed(accepted, self.now);
        }

        /// The seconds from an accepted probe until the restart; the new connection is there at once.
        fn deaf_for(&mut self) -> u32 {
            assert_eq!(self.within(31), Some((30, LivenessAction::Probe)));
            self.probed(true);
            let (seconds, action) = self.within(1_000).expect("an action");
            assert_eq!(action, LivenessAction::Restart);
            self.liveness.reconnected(self.now);
            seconds
        }
    }

    #[test]
    fn a_line_with_messages_is_not_probed() {
        let mut line = Clocked::new();
        for _ in 0..20 {
            assert_eq!(line.within(29), None);
            line.hear();
        }
    }

    #[test]
    fn a_silent_line_is_probed_and_an_answer_keeps_it() {
        let mut line = Clocked::new();
        for _ in 0..20 {
            assert_eq!(line.within(60), Some((30, LivenessAction::Probe)));
            line.probed(true);
            assert_eq!(line.within(5), None);
            line.hear();
        }
    }

    #[test]
    fn an_accepted_probe_that_does_not_come_back_restarts_the_line_within_two_intervals() {
        let mut line = Clocked::new();
        assert_eq!(line.within(60), Some((30, LivenessAction::Probe)));
        line.probed(true);
        assert_eq!(line.within(60), Some((30, LivenessAction::Restart)));
    }

    #[test]
    fn a_probe_that_was_not_accepted_says_nothing_and_is_sent_again() {
        let mut line = Clocked::new();
        for _ in 0..20 {
            assert_eq!(line.within(60), Some((30, LivenessAction::Probe)));
            line.probed(false);
        }
    }

    #[test]
    fn the_silence_counts_from_when_the_probe_was_accepted() {
        let mut line = Clocked::new();
        assert_eq!(line.within(60), Some((30, LivenessAction::Probe)));
        assert_eq!(line.within(1_000), None, "nothing while it is published");
        line.probed(true);
        assert_eq!(line.within(60), Some((30, LivenessAction::Restart)));
    }

    #[test]
    fn a_message_that_comes_while_a_probe_is_published_ends_the_probe() {
        let mut line = Clocked::new();
        assert_eq!(line.within(60), Some((30, LivenessAction::Probe)));
        line.hear();
        line.probed(true);
        assert_eq!(
            line.within(60),
            Some((30, LivenessAction::Probe)),
            "not a restart"
        );
    }

    #[test]
    fn restarts_wait_ever_longer_up_to_ten_intervals() {
        let mut line = Clocked::new();
        let seconds: Vec<u32> = (0..8).map(|_| line.deaf_for()).collect();
        let waits = [0, 1, 2, 4, 8, 10, 10, 10].map(|intervals| 30 + 30 * intervals);
        assert_eq!(seconds, waits);
    }

    #[test]
    fn any_message_lets_the_waits_begin_anew() {
        let mut line = Clocked::new();
        assert_eq!(line.deaf_for(), 30);
        assert_eq!(line.deaf_for(), 60);
        line.hear();
        assert_eq!(line.deaf_for(), 30);
    }

    #[test]
    fn a_message_during_the_wait_calls_the_restart_off() {
        let mut line = Clocked::new();
        line.deaf_for();
        assert_eq!(line.within(31), Some((30, LivenessAction::Probe)));
        line.probed(true);
        assert_eq!(line.within(45), None);
        line.hear();
        assert_eq!(line.within(60), Some((30, LivenessAction::Probe)));
    }
}
