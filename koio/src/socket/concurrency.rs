//! How many events of one socket may run at the same time.

use std::{fmt, num::NonZeroU16};

/// The limit of one event: it starts while fewer events of its socket run than this, and while it runs, no other
/// starts beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Concurrency(NonZeroU16);

impl Concurrency {
    /// The most that may be asked for.
    pub(crate) const MAX: u16 = 1_024;
    /// One at a time: the limit of events that name no other.
    pub(crate) const ONE: Self = Self(NonZeroU16::MIN);

    /// `None` if it is zero or more than [`MAX`](Self::MAX).
    pub(crate) fn new(events: usize) -> Option<Self> {
        let events = u16::try_from(events).ok().filter(|n| *n <= Self::MAX)?;
        NonZeroU16::new(events).map(Self)
    }

    pub(crate) fn get(self) -> usize {
        usize::from(self.0.get())
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The limits of the events of one socket that run: whether another may start.
#[derive(Debug, Default)]
pub(super) struct RunningLimits {
    events: usize,
    /// Each limit once, with the number of events that have it: as many entries as the handlers have different limits.
    by_limit: Vec<(Concurrency, usize)>,
}

impl RunningLimits {
    /// How many events run.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Whether an event with this limit may start: fewer run than its own limit, and than the limit of each that runs.
    pub(super) fn admit(&self, limit: Concurrency) -> bool {
        self.least().map_or(limit, |least| least.min(limit)).get() > self.events
    }

    /// The least limit of those that run, which holds up the others.
    pub(super) fn least(&self) -> Option<Concurrency> {
        self.by_limit.iter().map(|(limit, _)| *limit).min()
    }

    pub(super) fn add(&mut self, limit: Concurrency) {
        self.events = self.events.saturating_add(1);
        match self.by_limit.iter_mut().find(|(other, _)| *other == limit) {
            Some((_, events)) => *events = events.saturating_add(1),
            None => self.by_limit.push((limit, 1)),
        }
    }

    pub(super) fn remove(&mut self, limit: Concurrency) {
        self.events = self.events.saturating_sub(1);
        if let Some(at) = self.by_limit.iter().position(|(other, _)| *other == limit)
            && let Some((_, events)) = self.by_limit.get_mut(at)
        {
            *events = events.saturating_sub(1);
            if *events == 0 {
                self.by_limit.swap_remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(events: usize) -> Concurrency {
        Concurrency::new(events).unwrap()
    }

    #[test]
    fn a_limit_is_at_least_one_and_at_most_1024() {
        assert_eq!(Concurrency::new(0), None);
        assert_eq!(Concurrency::new(1), Some(Concurrency::ONE));
        assert_eq!(limit(1_024).get(), 1_024);
        assert_eq!(Concurrency::new(1_025), None);
        assert_eq!(Concurrency::new(65_537), None);
    }

    #[test]
    fn an_event_starts_below_its_own_limit_and_those_of_all_that_run() {
        let mut running = RunningLimits::default();
        assert!(running.admit(Concurrency::ONE));
        running.add(limit(3));
        assert!(!running.admit(Concurrency::ONE));
        assert!(running.admit(limit(2)));
        running.add(limit(2));
        assert!(!running.admit(limit(3)) && !running.admit(limit(100)));
        running.remove(limit(2));
        running.add(limit(3));
        assert!(
            !running.admit(limit(2))
                && running.admit(limit(3))
                && running.admit(limit(100)) == (3 > 2)
        );
        running.add(limit(3));
        assert!(!running.admit(limit(100)));
        for _ in 0..3 {
            running.remove(limit(3));
        }
        assert!(running.admit(Concurrency::ONE) && running.least().is_none());
    }
}
