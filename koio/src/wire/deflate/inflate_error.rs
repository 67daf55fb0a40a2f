//! [`InflateError`].

/// Why a message was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "compression")),
    allow(dead_code, reason = "nothing is inflated")
)]
pub(crate) enum InflateError {
    /// It is not what a compressor makes, or refers to an earlier message.
    Corrupt,
    /// It has more bytes than it may have: at least these.
    TooLong(usize),
}
