//! The limits of packets: of those that a peer sends, and of those that official clients accept.

use std::fmt;

use crate::wire::{DecodeError, DecodeErrorKind, json};

/// How many binaries one packet can have. Official clients drop a connection that sends more.
pub const MAX_ATTACHMENTS: usize = 10;

/// The limits of what a peer may send, with the defaults in parentheses.
///
/// A name or an auth payload that is too long is answered: the event with `bad_request`, the CONNECT with CONNECT_ERROR. A
/// packet above one of the others ends the session, as a forced close.
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

/// A limit of [`PacketLimits`] that something in a packet is above. `Display` names it, with both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketBreach {
    what: &'static str,
    came: usize,
    unit: &'static str,
    /// The limit's name in [`Config`](crate::config::Config).
    pub(crate) limit: &'static str,
    max: usize,
}

impl fmt::Display for PacketBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            came,
            unit,
            limit,
            max,
        } = self;
        write!(f, "{what} of {came} {unit} ({limit} {max})")
    }
}

impl PacketLimits {
    /// Whether an event may have a name of so many bytes.
    #[inline]
    pub(crate) fn check_event(&self, bytes: usize) -> Result<(), PacketBreach> {
        check("event name", bytes, "packets.event", self.event)
    }

    /// Whether a client may ask for a namespace with a name of so many bytes.
    pub(crate) fn check_namespace(&self, bytes: usize) -> Result<(), PacketBreach> {
        check("namespace", bytes, "packets.namespace", self.namespace)
    }

    /// Whether a client may ask for a namespace with so many bytes of data.
    pub(crate) fn check_auth(&self, bytes: usize) -> Result<(), PacketBreach> {
        check("auth payload", bytes, "packets.auth", self.auth)
    }

    /// The limit that an undecodable packet is above, if that is what is wrong with it.
    pub(crate) fn breach_of(&self, error: DecodeError) -> Option<PacketBreach> {
        let (what, came, unit, limit, max) = match error.kind() {
            DecodeErrorKind::TooManyAttachments => (
                "packet",
                error.offset(),
                "attachments",
                "packets.attachments",
                self.attachments,
            ),
            DecodeErrorKind::AttachmentsTooLong => (
                "attachments",
                error.offset(),
                "bytes",
                "packets.attachment_bytes",
                self.attachment_bytes(),
            ),
            DecodeErrorKind::TooDeep => {
                let max = self.depth.min(json::MAX_DEPTH);
                let came = max.saturating_add(1);
                (
                    "json nested to a depth",
                    came,
                    "or more",
                    "packets.depth",
                    max,
                )
            }
            _ => return None,
        };
        Some(PacketBreach {
            what,
            came,
            unit,
            limit,
            max,
        })
    }
}

#[inline]
fn check(
    what: &'static str,
    came: usize,
    limit: &'static str,
    max: usize,
) -> Result<(), PacketBreach> {
    if came <= max {
        return Ok(());
    }
    Err(PacketBreach {
        what,
        came,
        unit: "bytes",
        limit,
        max,
    })
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
