//! How far the client is with an upgrade.

use std::time::{Duration, Instant};

use crate::engine::transport_kind::TransportKind;

/// How often a waiting poll is answered with a noop while a probe is open. The client may send one more poll before it
/// pauses, so one noop is not enough. The reference repeats it every 100 ms, which delays an upgrade that just misses one.
/// The deadline is set only while a poll waits: most upgrades are through before the next poll.
const PROBE_NOOP: Duration = Duration::from_millis(20);

/// The transport that the session may move to.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) enum ProbeState {
    #[default]
    None,
    /// `2probe` has not come yet.
    Opened { to: TransportKind, by: Instant },
    /// `3probe` was sent. Polls are released until `5` comes.
    Answered {
        to: TransportKind,
        by: Instant,
        /// When a poll that waits is answered with a noop.
        noop_at: Instant,
        /// Whether a poll waits.
        polled: bool,
    },
}

impl ProbeState {
    /// `3probe` was sent, and no poll waits any more.
    pub(super) fn released(to: TransportKind, by: Instant, now: Instant) -> Self {
        Self::Answered {
            to,
            by,
            noop_at: now + PROBE_NOOP,
            polled: false,
        }
    }

    /// A poll waits.
    pub(super) fn polled(&mut self) {
        if let Self::Answered { polled, .. } = self {
            *polled = true;
        }
    }

    /// When the probe times out.
    pub(super) fn ends(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Opened { by, .. } | Self::Answered { by, .. } => Some(by),
        }
    }

    /// When a poll that waits is released.
    pub(super) fn noop_at(self) -> Option<Instant> {
        match self {
            Self::Answered {
                noop_at,
                polled: true,
                ..
            } => Some(noop_at),
            _ => None,
        }
    }
}
