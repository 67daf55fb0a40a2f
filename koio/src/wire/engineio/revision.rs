//! [`Revision`]: which revision of Engine.IO a client speaks.

/// The revision of Engine.IO that a client speaks, from its first request to the end of its session.
///
/// Packets are encoded for revision 4. What differs in 3 is derived from that: see `revision_3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revision {
    /// Socket.IO 3 and later.
    #[default]
    Four,
    /// Socket.IO 1 and 2.
    Three {
        /// The client reads binary messages as base64 in text alone: `b64` in its first request.
        base64: bool,
    },
}

impl Revision {
    /// 3 or 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Three { .. } => 3,
        }
    }

    /// Whether it is revision 3.
    #[inline]
    #[must_use]
    pub const fn is_three(self) -> bool {
        matches!(self, Self::Three { .. })
    }
}
