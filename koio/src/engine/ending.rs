//! What becomes of queued frames when a session ends.

/// What becomes of the frames that are queued when a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// They are delivered first.
    Flush,
    /// They are dropped.
    Cut,
}
