//! How long a session that closes waits for its client.

use std::time::Duration;

use crate::engine::{EngineConfig, ending::Ending, transport_kind::TransportKind};

/// How long a polling client may take to come for what is queued for it when the server shuts down. A living one polls
/// again within a round trip.
const POLL_AT_SHUTDOWN: Duration = Duration::from_secs(1);

/// How long a client may take to answer the close frame of a server that shuts down. It loses nothing without.
const ANSWER_AT_SHUTDOWN: Duration = Duration::from_millis(500);

/// How long a session that is cut at the deadline of a shutdown keeps its connection, for the close frame to leave.
const CUT_AT_SHUTDOWN: Duration = Duration::from_millis(50);

/// The times that a closing session grants its client.
pub(super) struct Patience<'a> {
    pub(super) config: &'a EngineConfig,
    pub(super) transport: TransportKind,
    /// Whether it closes because the server shuts down.
    pub(super) shuts_down: bool,
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

    /// For the answer to a close frame, or for the poll behind the last one that fetched something.
    pub(super) fn for_answer(&self) -> Duration {
        self.at_most(ANSWER_AT_SHUTDOWN, self.config.close_timeout / 6)
    }

    /// For a client that takes nothing of what is written to it.
    pub(super) fn for_progress(&self) -> Duration {
        self.at_most(self.config.poll_again_timeout, self.config.write_timeout)
    }

    /// For everything.
    pub(super) fn to_close(&self, ending: Ending) -> Duration {
        let capabilities = self.transport.capabilities();
        let close_timeout = self.config.close_timeout;
        match ending {
            Ending::Cut if self.shuts_down => close_timeout.min(CUT_AT_SHUTDOWN),
            // With nothing left to deliver a client need only answer the close frame.
            Ending::Cut if capabilities.has_close_handshake => self.for_answer(),
            Ending::Flush if capabilities.waits_for_requests => {
                let poll_again = self.at_most(POLL_AT_SHUTDOWN, self.config.poll_again_timeout);
                close_timeout.min(poll_again)
            }
            Ending::Cut | Ending::Flush => close_timeout,
        }
    }
}
