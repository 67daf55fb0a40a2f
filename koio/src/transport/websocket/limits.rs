//! What a frame is checked against before its payload is read.

use super::event::Violation;
use crate::{
    engine::{EngineConfig, breach::Breach},
    wire::{FrameHeader, Opcode},
};

/// The reserved bits that a negotiated extension gives a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReservedBits {
    /// No extension is negotiated.
    None,
    /// RSV1 on the first frame of a message: it is compressed (RFC 7692 section 6).
    Rsv1,
}

/// What frames are checked against. In 32 bits because every connection has them; `max_payload` is at most 1 GiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    max_payload: u32,
    pub(super) max_fragments: u32,
}

impl Limits {
    pub(super) fn of(config: &EngineConfig) -> Self {
        Self {
            max_payload: config.max_payload.try_into().unwrap_or(u32::MAX),
            max_fragments: config.fragments().try_into().unwrap_or(u32::MAX),
        }
    }

    pub(super) fn max_payload(self) -> usize {
        self.max_payload as usize
    }

    /// Checks a header. `unfinished`: how long the message is so far that the frame may continue.
    pub(super) fn check(
        self,
        header: &FrameHeader,
        reserved: ReservedBits,
        unfinished: Option<usize>,
    ) -> Result<(), Violation> {
        let max_payload = u64::from(self.max_payload);
        let length = (unfinished.unwrap_or(0) as u64).saturating_add(header.payload_len);
        if header.payload_len > max_payload {
            return Err(self.too_long(length));
        }
        if header.mask.is_none() {
            return Err(Violation::Unmasked);
        }
        let starts_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        let rsv1_allowed = starts_message && reserved == ReservedBits::Rsv1;
        if (header.rsv1 && !rsv1_allowed) || header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBits);
        }
        match (header.opcode, unfinished) {
            (Opcode::Continuation, None) => Err(Violation::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(Violation::ExpectedContinuation),
            (Opcode::Continuation, Some(_)) if length > max_payload => Err(self.too_long(length)),
            _ => Ok(()),
        }
    }

    fn too_long(self, bytes: u64) -> Violation {
        let max = self.max_payload.into();
        Violation::Limit(Breach::TooLong { bytes, max })
    }
}
