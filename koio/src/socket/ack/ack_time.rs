//! How long an answer is waited for.

use std::{fmt, time::Duration};

/// How long an answer is waited for. `Display` names what says so.
#[derive(Clone, Copy, Debug)]
pub(in crate::socket) enum AckTime {
    /// `ack_timeout` of the set-up.
    Configured(Duration),
    /// `timeout` of the emit.
    Own(Duration),
}

impl AckTime {
    pub(in crate::socket) fn duration(self) -> Duration {
        match self {
            Self::Configured(time) | Self::Own(time) => time,
        }
    }
}

impl fmt::Display for AckTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured(time) => write!(f, "in {time:?} (ack_timeout {time:?})"),
            Self::Own(time) => write!(f, "in {time:?} (timeout {time:?} of the emit)"),
        }
    }
}
