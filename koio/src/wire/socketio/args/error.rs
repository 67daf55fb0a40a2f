//! Why an argument could not be read.

use std::fmt;

use crate::wire::{DecodeError, shorten};

/// Why an argument could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgError {
    /// The text is not JSON: the peer is broken, and its session must end.
    Syntax(DecodeError),
    /// The text is JSON, but not of the type that was asked for.
    Type {
        /// Which argument, counted from 0.
        position: usize,
        /// serde's message, cut to 256 bytes.
        reason: String,
    },
}

impl ArgError {
    pub(super) fn from_serde(position: usize, error: &serde_json::Error) -> Self {
        let mut reason = error.to_string();
        // serde_json counts lines and columns from the start of the argument, not of the packet.
        let place = format!(" at line {} column {}", error.line(), error.column());
        if let Some(bare) = reason.strip_suffix(&place) {
            reason.truncate(bare.len());
        }
        Self::Type {
            position,
            reason: shorten(reason),
        }
    }

    /// The type has taken the first `read` bytes of a value of `len` for all of it.
    pub(super) fn only_a_prefix(position: usize, read: usize, len: usize) -> Self {
        let bytes = if read == 1 { "byte" } else { "bytes" };
        let reason = format!("the type reads {read} {bytes} of a value of {len}");
        Self::Type { position, reason }
    }

    /// Rewords serde_json's message, to which a placeholder is a map: it is binary data that does not fit. `is_binary`: the
    /// whole argument is a placeholder; otherwise a part of it may be.
    pub(super) fn about_binary(self, is_binary: bool) -> Self {
        let Self::Type { position, reason } = self else {
            return self;
        };
        let reason = match reason.strip_prefix("invalid type: map, ") {
            Some(expected) if is_binary => {
                format!("invalid type: binary data, {expected}; `koio::Bytes` takes it")
            }
            Some(_) => format!("{reason}; if it is binary data, `koio::Bytes` takes it"),
            None => reason,
        };
        let reason = shorten(reason);
        Self::Type { position, reason }
    }
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "arguments: {error}"),
            Self::Type { position, reason } => write!(f, "argument {position}: {reason}"),
        }
    }
}

impl std::error::Error for ArgError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            Self::Type { .. } => None,
        }
    }
}

impl From<DecodeError> for ArgError {
    fn from(error: DecodeError) -> Self {
        Self::Syntax(error)
    }
}
