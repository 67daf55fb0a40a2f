//! What a session must do.

use crate::engine::{CloseReason, breach::Breach, ending::Ending, missed_deadline::MissedDeadline};

/// What a session must do about it.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Send a ping.
    Ping,
    /// Answer the client's ping: in revision 3 of the protocol.
    Pong,
    /// Write to the connection although it has not said that it takes more. See [`Machine::wrote`](super::Machine::wrote).
    TryWrite,
    /// Answer `3probe` on the probe.
    ProbePong,
    /// Answer a waiting poll, with a noop if there is nothing else.
    ReleasePoll,
    /// The probe becomes the transport.
    Upgrade,
    /// Close the probe. The session goes on.
    DropProbe,
    /// A packet was ignored that only a server sends: its name in the protocol.
    Ignored(&'static str),
    /// The client went beyond a limit. The session is over: see the next output.
    Exceeded(Breach),
    /// The client broke this rule. The session is over: see the next output.
    Broken(&'static str),
    /// The client has not done something in time. The session is over: see the next output.
    Missed(MissedDeadline),
    /// The session is over, and the transport closes.
    Closed { reason: CloseReason, ending: Ending },
    /// Drop the transport.
    Gone,
}

/// The outputs of one input: at most three.
#[derive(Debug, Default)]
pub(crate) struct Outputs([Option<Output>; 3]);

impl Outputs {
    pub(super) fn one(output: Output) -> Self {
        Self([Some(output), None, None])
    }

    pub(super) fn two(first: Output, second: Output) -> Self {
        Self([Some(first), Some(second), None])
    }

    /// With one more output before these.
    pub(super) fn after(self, output: Output) -> Self {
        let [first, second, _] = self.0;
        Self([Some(output), first, second])
    }
}

impl IntoIterator for Outputs {
    type Item = Output;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Output>, 3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}
