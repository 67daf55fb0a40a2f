//! What a session keeps only while it is needed.

use std::time::Instant;

use super::{closing::Granted, headway::Headway, probe::ProbeState};

/// Rarely used state, boxed to keep idle sessions small.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct RareState {
    pub(super) probe: ProbeState,
    pub(super) paused_at: Option<Instant>,
    /// The client's connection has ended.
    pub(super) absent: Option<Absence>,
    /// What a closing session waits for, unless it is cut.
    pub(super) closing: Option<ClosingGrant>,
    /// A message that has begun to arrive.
    pub(super) message: Option<ArrivingMessage>,
    /// Bytes that wait to be taken by the transport.
    pub(super) write: Option<Leaving>,
    /// Set when the machine was late: what the client owes is judged from then on.
    pub(super) late: Option<Late>,
}

/// The client's connection has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Absence {
    pub(super) since: Instant,
    /// When the client is taken for gone.
    pub(super) by: Instant,
}

/// What a closing session waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ClosingGrant {
    pub(super) since: Instant,
    pub(super) granted: Granted,
}

/// A message that has begun to arrive, or a packet of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ArrivingMessage {
    pub(super) headway: Headway,
    /// How many bytes it has at least.
    pub(super) expected: u64,
    /// Whether the transport judges how it gets on, and not the machine.
    pub(super) is_judged: bool,
}

/// Bytes that wait to be taken by the transport.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leaving {
    pub(super) headway: Headway,
    /// When the connection is tried although it has not said that it takes more.
    pub(super) try_at: Instant,
}

/// The machine was late: what the client sent meanwhile may not have been read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Late {
    pub(super) since: Instant,
    /// When the client is judged.
    pub(super) until: Instant,
}
