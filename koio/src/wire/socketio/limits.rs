//! The limits of packets: of those that a peer sends, and of those that official clients accept.

use crate::wire::json;

/// How many binaries one packet can have. Official clients drop a connection that sends more.
pub const MAX_ATTACHMENTS: usize = 10;

/// The limits of what a peer may send, with the defaults in parentheses. A packet above one of them ends the session of the
/// peer that sent it, as a forced close.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketLimits {
    /// Attachments of one packet (10).
    pub attachments: usize,
    /// Bytes of all attachments of one packet together (`None`: as many as
    /// [`max_payload`](crate::engine::EngineConfig::max_payload)).
    pub attachment_bytes: Option<usize>,
    /// Bytes of a namespace (255).
    pub namespace: usize,
    /// Bytes of an event name (255).
    pub event: usize,
    /// Bytes of the data of a CONNECT packet (64 KiB).
    pub auth: usize,
    /// Lists and objects inside each other (128, which is also the maximum).
    pub depth: usize,
}

impl PacketLimits {
    /// Bytes of all attachments of one packet together, in a server whose `max_payload` was not given.
    const DEFAULT_ATTACHMENT_BYTES: usize = 1_000_000;

    pub(super) fn attachment_bytes(&self) -> usize {
        self.attachment_bytes
            .unwrap_or(Self::DEFAULT_ATTACHMENT_BYTES)
    }
}

impl Default for PacketLimits {
    fn default() -> Self {
        Self {
            attachments: 10,
            attachment_bytes: None,
            namespace: 255,
            event: 255,
            auth: 64 * 1024,
            depth: json::MAX_DEPTH,
        }
    }
}
