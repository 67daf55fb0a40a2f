//! [`MissedDeadline`]: what a client has not done in time.

use std::{fmt, time::Duration};

use crate::{
    ids::Sid,
    observe::{Observation, Observers},
};

/// What a client has not done in time, so that its session ends. `Display` names the option and both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MissedDeadline {
    /// What did not come.
    pub(crate) what: &'static str,
    pub(crate) waited: Duration,
    /// The name of the option, as `Config` spells it.
    pub(crate) limit: &'static str,
    pub(crate) value: Duration,
    /// Why it was waited longer or shorter than the option says; else empty.
    pub(crate) note: &'static str,
}

impl MissedDeadline {
    /// No pong came.
    pub(crate) fn pong(waited: Duration, ping_timeout: Duration) -> Self {
        Self {
            what: "no pong came",
            waited,
            limit: "ping_timeout",
            value: ping_timeout,
            note: "",
        }
    }

    /// No ping came of a client that sends them.
    pub(crate) fn ping(waited: Duration, time: Duration) -> Self {
        Self {
            what: "no ping came",
            waited,
            limit: "ping_interval + ping_timeout",
            value: time,
            note: "",
        }
    }

    /// No request came behind the end of the client's connection.
    pub(crate) fn request(waited: Duration, poll_again_timeout: Duration) -> Self {
        Self {
            what: "no request came behind the end of its connection",
            waited,
            limit: "poll_again_timeout",
            value: poll_again_timeout,
            note: FOR_LAST_ANSWER,
        }
        .without_needless_note()
    }

    /// The note explains only what differs.
    pub(crate) fn without_needless_note(self) -> Self {
        // A deadline is looked at some milliseconds late.
        let late = self.waited.saturating_sub(self.value);
        let is_as_said = self.waited >= self.value && late < Duration::from_secs(1);
        Self {
            note: if is_as_said { "" } else { self.note },
            ..self
        }
    }

    /// Tells the observers that the client of this session has missed it.
    pub(crate) fn notify(&self, sid: Sid, observers: &Observers) {
        observers.notify(&Observation::DeadlineMissed {
            sid,
            limit: self.limit,
            cause: format_args!("{self}"),
        });
    }
}

/// A client may still be receiving its last answer, and gets time for it.
pub(crate) const FOR_LAST_ANSWER: &str = ", and more for its last answer";

impl fmt::Display for MissedDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            waited,
            limit,
            value,
            note,
        } = self;
        write!(f, "{what} in {waited:?} ({limit} {value:?}{note})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_deadline_names_the_option_and_both_numbers() {
        let seconds = Duration::from_secs;
        for (missed, text) in [
            (
                MissedDeadline::pong(seconds(20), seconds(20)),
                "no pong came in 20s (ping_timeout 20s)",
            ),
            (
                MissedDeadline::ping(seconds(45), seconds(45)),
                "no ping came in 45s (ping_interval + ping_timeout 45s)",
            ),
            (
                MissedDeadline::request(seconds(5), seconds(5)),
                "no request came behind the end of its connection in 5s (poll_again_timeout 5s)",
            ),
            (
                MissedDeadline::request(seconds(8), seconds(5)),
                "no request came behind the end of its connection in 8s (poll_again_timeout 5s, and more for its last answer)",
            ),
        ] {
            assert_eq!(missed.to_string(), text);
        }
    }
}
