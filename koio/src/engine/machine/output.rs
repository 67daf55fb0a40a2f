//! What a session must do.

use crate::engine::{CloseReason, ending::Ending};

/// What a session must do about it.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Send a ping.
    Ping,
    /// Answer `3probe` on the probe.
    ProbePong,
    /// Answer a waiting poll, with a noop if there is nothing else.
    ReleasePoll,
    /// The probe becomes the transport.
    Upgrade,
    /// Close the probe. The session goes on.
    DropProbe,
    /// The session is over, and the transport closes.
    Closed { reason: CloseReason, ending: Ending },
    /// Drop the transport.
    Gone,
}

/// The outputs of one input: at most two.
#[derive(Debug, Default)]
pub(crate) struct Outputs([Option<Output>; 2]);

impl Outputs {
    pub(super) fn one(output: Output) -> Self {
        Self([Some(output), None])
    }

    pub(super) fn two(first: Output, second: Output) -> Self {
        Self([Some(first), Some(second)])
    }
}

impl IntoIterator for Outputs {
    type Item = Output;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Output>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}
