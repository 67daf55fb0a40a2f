//! What happens to a session.

use crate::{
    engine::{CloseReason, ending::Ending, transport::Arriving, transport_kind::TransportKind},
    wire::EnginePacket,
};

/// What happens to a session.
#[derive(Debug)]
pub(crate) enum Input {
    /// A packet arrived on the transport in use. Messages may be left out: no rule depends on them.
    Packet(EnginePacket),
    /// The client has connected a transport that the session may move to, the probe.
    ProbeOpened(TransportKind),
    /// A packet arrived on the probe.
    ProbePacket(EnginePacket),
    /// The probe is gone.
    ProbeLost,
    /// A poll waits. Matters only while there is a probe.
    Polled,
    /// A connection that carried the client's requests has ended, and the client waits for nothing. `last_answer`: the bytes
    /// that it may still be receiving. See [`Machine::returned`](super::Machine::returned).
    ConnectionEnded { last_answer: usize },
    /// The transport in use is gone, or broke its rules.
    Lost(CloseReason),
    /// The layer above ends the session.
    Close(CloseReason, Ending),
    /// A closing transport has sent everything, its close frame included. The client has not answered it.
    CloseSent,
    /// A closing transport has nothing left to do.
    Finished,
    /// The server stopped (false) or resumed (true) reading, because the layer above was full.
    Reading(bool),
    /// A message has begun to arrive and is not complete. See [`Machine::completed`](super::Machine::completed).
    Arriving(Arriving),
    /// Something waits to be written and the transport does not take it. See [`Machine::wrote`](super::Machine::wrote).
    Stalled,
    /// The deadline has come.
    Tick {
        /// Whether everything was read that has arrived. Otherwise what the client still owes may be there already.
        caught_up: bool,
    },
}
