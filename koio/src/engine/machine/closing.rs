//! How long a session that closes waits for its client.

use std::time::Duration;

use crate::engine::{
    EngineConfig, ending::Ending, missed_deadline::MissedDeadline, transport_kind::TransportKind,
};

/// How long a polling client may take to come for what is queued for it when the server shuts down. A living one polls
/// again within a round trip.
const POLL_AT_SHUTDOWN: Duration = Duration::from_secs(1);

/// How long a client may take to answer the close frame of a server that shuts down. It loses nothing without.
const ANSWER_AT_SHUTDOWN: Duration = Duration::from_millis(500);

/// How long a session that is cut at the deadline of a shutdown keeps its connection, for the close frame to leave.
const CUT_AT_SHUTDOWN: Duration = Duration::from_millis(50);

const AT_SHUTDOWN: &str = ", less at a shutdown";

/// The times that a closing session grants its client.
pub(super) struct Patience<'a> {
    pub(super) config: &'a EngineConfig,
    pub(super) transport: TransportKind,
    /// Whether it closes because the server shuts down.
    pub(super) shuts_down: bool,
}

/// A time that a closing session grants its client, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Granted {
    pub(super) time: Duration,
    /// What the client does not do, if the time passes.
    what: &'static str,
    limit: &'static str,
    value: Duration,
    note: &'static str,
}

impl Granted {
    /// It has more time, for this reason.
    pub(super) fn because(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// The time has passed.
    pub(super) fn missed(self, waited: Duration) -> MissedDeadline {
        MissedDeadline {
            what: self.what,
            waited,
            limit: self.limit,
            value: self.value,
            note: self.note,
        }
        .without_needless_note()
    }
}

/// An option, by its name in `Config`.
type NamedTime = (&'static str, Duration);

impl Patience<'_> {
    /// `usual`, or `longest` if the server shuts down and that is less.
    fn at_most(&self, longest: Duration, usual: Duration) -> Duration {
        if self.shuts_down {
            usual.min(longest)
        } else {
            usual
        }
    }

    fn close_timeout(&self) -> NamedTime {
        ("close_timeout", self.config.close_timeout)
    }

    /// `poll_again_timeout`, if it is less than this option.
    fn poll_again_or(&self, other: NamedTime) -> NamedTime {
        let time = self.config.poll_again_timeout;
        if time < other.1 {
            ("poll_again_timeout", time)
        } else {
            other
        }
    }

    /// `note`: why it is another time than the option's, unless that is because of a shutdown.
    fn granted(
        &self,
        time: Duration,
        what: &'static str,
        (limit, value): NamedTime,
        note: &'static str,
    ) -> Granted {
        let note = if self.shuts_down { AT_SHUTDOWN } else { note };
        Granted {
            time,
            what,
            limit,
            value,
            note,
        }
    }

    /// For the answer to a close frame, or for the poll behind the last one that fetched something.
    pub(super) fn for_answer(&self) -> Granted {
        let time = self.at_most(ANSWER_AT_SHUTDOWN, self.config.close_timeout / 6);
        let what = "the close was not answered";
        let note = ", of which an answer gets a sixth";
        self.granted(time, what, self.close_timeout(), note)
    }

    /// For a client that takes nothing of what is written to it.
    pub(super) fn for_progress(&self) -> Granted {
        let usual = ("write_timeout", self.config.write_timeout);
        let limit = match self.shuts_down {
            true => self.poll_again_or(usual),
            false => usual,
        };
        let what = "nothing of what was queued was taken";
        self.granted(limit.1, what, limit, "").because("")
    }

    /// For everything.
    pub(super) fn to_close(&self, ending: Ending) -> Granted {
        let capabilities = self.transport.capabilities();
        let close_timeout = self.close_timeout();
        match ending {
            Ending::Cut if self.shuts_down => {
                let time = close_timeout.1.min(CUT_AT_SHUTDOWN);
                self.granted(time, "the close was not answered", close_timeout, "")
            }
            // With nothing left to deliver a client need only answer the close frame.
            Ending::Cut if capabilities.has_close_handshake => self.for_answer(),
            Ending::Flush if capabilities.waits_for_requests => {
                let limit = self.poll_again_or(close_timeout);
                let time = self.at_most(POLL_AT_SHUTDOWN, limit.1);
                self.granted(time, "no poll came for what was queued", limit, "")
            }
            Ending::Cut | Ending::Flush => {
                let what = "not all of what was queued was taken";
                self.granted(close_timeout.1, what, close_timeout, "")
            }
        }
    }
}
