//! Why bytes are not a message, and why a message can't be written.

use std::fmt;

use crate::wire::{self, DecodeError, UnpackError};

/// Why a message was not read or written.
#[derive(Debug)]
pub(in crate::adapter::cluster) enum NodeWireError {
    /// It is not the JSON of a message.
    Json(serde_json::Error),
    /// It is not msgpack.
    Msgpack(UnpackError),
    /// The list of an event or of arguments can't be read.
    List(DecodeError),
    /// This key is missing, or its value has another shape.
    Key(&'static str),
    /// The value of this key has more bytes than the limit.
    TooLong {
        key: &'static str,
        bytes: usize,
        max: usize,
    },
    /// The other kind of adapter does not have this message, or the receiver of an answer was not given.
    NoSuchMessage,
}

impl fmt::Display for NodeWireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It may quote the message.
            Self::Json(error) => f.write_str(&wire::shorten(error.to_string())),
            Self::Msgpack(error) => error.fmt(f),
            Self::List(error) => error.fmt(f),
            Self::Key(key) => write!(f, "`{key}` is missing or has another shape"),
            Self::TooLong { key, bytes, max } => {
                write!(f, "`{key}` of {bytes} bytes (at most {max})")
            }
            Self::NoSuchMessage => f.write_str("the adapters of Node have no such message"),
        }
    }
}

impl From<serde_json::Error> for NodeWireError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<UnpackError> for NodeWireError {
    fn from(error: UnpackError) -> Self {
        Self::Msgpack(error)
    }
}

impl From<DecodeError> for NodeWireError {
    fn from(error: DecodeError) -> Self {
        Self::List(error)
    }
}
