//! Why a session or a socket ended.

use std::fmt;

/// Why a socket (or its whole connection) ended. An ending is not an error.
///
/// The words are the protocol's own, as the official clients and servers spell them (`socket.on("disconnect",
/// reason)`); [`SlowConsumer`](Self::SlowConsumer) is koio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The server called [`disconnect`](crate::Socket::disconnect).
    ServerNamespaceDisconnect,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server is shutting down.
    ServerShuttingDown,
    /// The client did not answer a ping within the ping timeout.
    PingTimeout,
    /// The client closed the connection, or it was lost.
    TransportClose,
    /// The connection broke a rule of its transport: overlapping or aborted requests, a frame that is too big.
    TransportError,
    /// The client sent bytes that are no Engine.IO packet.
    ParseError,
    /// The client sent a message that is no Socket.IO packet.
    ForcedClose,
    /// The client broke the order of the protocol (an event before CONNECT), or connected to no namespace in
    /// time.
    ForcedServerClose,
    /// The client did not read: its queue was full, or nothing could be written for the write timeout.
    SlowConsumer,
}

impl CloseReason {
    /// The reason in the protocol's words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerShuttingDown => "server shutting down",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::SlowConsumer => "slow consumer",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
