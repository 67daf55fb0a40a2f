//! Notices events of one socket that wait long for its handlers, without a clock read for each.

use std::time::{Duration, Instant};

/// Events that waited longer are worth a line in the log.
const LONG: Duration = Duration::from_secs(1);
/// The time from one line about a socket to the next.
const BETWEEN: Duration = Duration::from_secs(60);

/// Looks at the queue of a socket while something runs.
///
/// A look marks the events that wait. When a later one finds one of them still waiting, that has waited for the time
/// between the two at least. So the clock is read once for a look, and not for an event.
#[derive(Debug, Default)]
pub(super) struct HeldUp {
    mark: Option<Mark>,
    reported: Option<Instant>,
}

#[derive(Debug)]
struct Mark {
    at: Instant,
    /// How many events waited then.
    marked: usize,
    /// How many of them still do: as many as that from the front of the queue on.
    events: usize,
}

/// Events that have waited long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LongWait {
    /// How long the last of them to start has waited at least.
    pub(super) waited: Duration,
    /// How many waited when that time began.
    pub(super) events: usize,
}

impl HeldUp {
    /// Whether there is a mark that a look would find.
    pub(super) fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    /// So many events wait. Returns those that have waited long, if that is to be reported.
    pub(super) fn look(&mut self, waiting: usize, now: Instant) -> Option<LongWait> {
        let Some(mark) = &self.mark else {
            self.mark = Some(Mark {
                at: now,
                marked: waiting,
                events: waiting,
            });
            return None;
        };
        let (waited, events) = (now.saturating_duration_since(mark.at), mark.marked);
        self.mark.take_if(|mark| mark.events == 0);
        let was_reported = |at: Instant| now.saturating_duration_since(at) < BETWEEN;
        if waited <= LONG || self.reported.is_some_and(was_reported) {
            return None;
        }
        self.reported = Some(now);
        Some(LongWait { waited, events })
    }

    /// The first event is about to leave the queue. True if it is the last of those that were marked: before the next
    /// [`look`](Self::look), which is due, marks others.
    pub(super) fn leave(&mut self) -> bool {
        let Some(mark) = &mut self.mark else {
            return false;
        };
        mark.events = mark.events.saturating_sub(1);
        mark.events == 0
    }

    /// Whether it can be dropped, and another begin anew.
    pub(super) fn is_idle(&self, now: impl Fn() -> Instant) -> bool {
        let is_over = |at: Instant| now().saturating_duration_since(at) >= BETWEEN;
        self.mark.is_none() && self.reported.is_none_or(is_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_that_was_there_at_two_looks_has_waited_between_them() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut held_up = HeldUp::default();
        assert_eq!(held_up.look(2, after(0)), None);
        assert!(!held_up.leave());
        assert_eq!(held_up.look(5, after(1_000)), None);
        assert!(held_up.leave());
        let long = |milliseconds, events| {
            let waited = Duration::from_millis(milliseconds);
            Some(LongWait { waited, events })
        };
        assert_eq!(held_up.look(5, after(1_001)), long(1_001, 2));
        // The others came later than the mark.
        assert_eq!(held_up.look(4, after(1_900)), None);
        assert_eq!(held_up.look(4, after(60_000)), None);
        assert_eq!(held_up.look(4, after(61_001)), long(59_101, 4));
    }
}
