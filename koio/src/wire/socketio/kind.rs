//! The kinds of packets.

/// The purpose of a packet. Events and acks with attachments are not kinds of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// `0`: a client asks for a namespace, or a server grants it.
    Connect,
    /// `1`: one side leaves a namespace.
    Disconnect,
    /// `2`, or `5` with attachments.
    Event,
    /// `3`, or `6` with attachments.
    Ack,
    /// `4`: a server refuses a namespace.
    ConnectError,
}
