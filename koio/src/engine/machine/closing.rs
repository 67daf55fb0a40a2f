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

impl Patience<'_> {
    /// `usual`, or `longest` if the server shuts down and that is less.
    fn at_most(&self, longest: Duration, usual: Duration) -> Duration {
        if self.shuts_down {
            usual.min(longest)
        } else {
            usual
        }
    }

    fn closing(&self, time: Duration, what: &'static str, note: &'static str) -> Granted {
        Granted {
            time,
            what,
            limit: "close_timeout",
            value: self.config.close_timeout,
            note: if self.shuts_down { AT_SHUTDOWN } else { note },
        }
    }

    /// For the answer to a close frame, or for the poll behind the last one that fetched something.
    pub(super) fn for_answer(&self) -> Granted {
        let time = self.at_most(ANSWER_AT_SHUTDOWN, self.config.close_timeout / 6);
        let what = "the close was not answered";
        self.closing(time, what, ", of which an answer gets a sixth")
    }

    /// For a client that takes nothing of what is written to it.
    pub(super) fn for_progress(&self) -> Granted {
        let (limit, value) = match self.config {
            config if self.shuts_down && config.poll_again_timeout < config.write_timeout => {
                ("poll_again_timeout", config.poll_again_timeout)
            }
            config => ("write_timeout", config.write_timeout),
        };
        Granted {
            time: value,
            what: "nothing of what was queued was taken",
            limit,
            value,
            note: "",
        }
    }

    /// For everything.
    pub(super) fn to_close(&self, ending: Ending) -> Granted {
        let capabilities = self.transport.capabilities();
        let close_timeout = self.config.close_timeout;
        let poll_again_timeout = self.config.poll_again_timeout;
        match ending {
            Ending::Cut if self.shuts_down => {
                let time = close_timeout.min(CUT_AT_SHUTDOWN);
                self.closing(time, "the close was not answered", "")
            }
            // With nothing left to deliver a client need only answer the close frame.
            Ending::Cut if capabilities.has_close_handshake => self.for_answer(),
            Ending::Flush
                if capabilities.waits_for_requests && poll_again_timeout < close_timeout =>
            {
                Granted {
                    time: self.at_most(POLL_AT_SHUTDOWN, poll_again_timeout),
                    what: "no poll came for what was queued",
                    limit: "poll_again_timeout",
                    value: poll_again_timeout,
                    note: AT_SHUTDOWN,
                }
            }
            Ending::Flush if capabilities.waits_for_requests => {
                let time = self.at_most(POLL_AT_SHUTDOWN, close_timeout);
                self.closing(time, "no poll came for what was queued", "")
            }
            Ending::Cut | Ending::Flush => {
                self.closing(close_timeout, "not all of what was queued was taken", "")
            }
        }
    }
}
