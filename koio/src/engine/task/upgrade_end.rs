//! Why an upgrade did not come to its end.

use crate::engine::machine::Input;

/// Why a transport that was offered does not become the session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpgradeEnd {
    /// `upgrade_timeout` has passed.
    Late,
    Lost,
    /// Neither `2probe` nor `5`.
    OtherPacket,
    /// The session takes no other transport.
    Unwanted,
    SessionEnds,
}

impl UpgradeEnd {
    /// The end that an input can bring.
    pub(super) fn by(input: &Input) -> Self {
        match input {
            Input::Tick { .. } => Self::Late,
            Input::ProbeLost => Self::Lost,
            Input::ProbePacket(_) => Self::OtherPacket,
            Input::ProbeOpened(_) => Self::Unwanted,
            _ => Self::SessionEnds,
        }
    }
}
