//! Why a measurement is worth nothing.

use std::{fmt, io};

use crate::servers::Kind;

/// Why a measurement is worth nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The network, a file, a process.
    Io(io::Error),
    /// A program that the measurement needs.
    NotInstalled(&'static str, io::Error),
    /// A server could not be built.
    Build(Kind),
    /// A server ended, or said something else than where it listens.
    NotListening(String),
    /// A file under /proc reads otherwise than expected.
    Proc(&'static str),
    /// The server closed a connection.
    Closed { connection: usize },
    /// The handshake was answered otherwise.
    Handshake(String),
    /// Another message than the next one: one was lost, came twice or out of order, or is broken.
    Unexpected { got: String, expected: String },
    /// Messages that had not come when the time was up.
    Lost(u64),
    /// The server did nothing for so long.
    Stuck,
    /// The server asks the system to write more often than it should.
    TooManyCalls { what: &'static str, of_each: f64 },
    /// So many lines of a table are not what they must be.
    Unfair(usize),
    /// Any of these, and where.
    During(&'static str, Kind, Box<Failure>),
}

impl Failure {
    pub(crate) fn during(self, row: &'static str, kind: Kind) -> Self {
        Self::During(row, kind, Box::new(self))
    }

    pub(crate) fn handshake(answer: &[u8]) -> Self {
        Self::Handshake(String::from_utf8_lossy(answer).into_owned())
    }

    pub(crate) fn unexpected(got: &[u8], expected: &[u8]) -> Self {
        let shown = |bytes: &[u8]| {
            let start = bytes.get(..80).unwrap_or(bytes);
            String::from_utf8_lossy(start).into_owned()
        };
        Self::Unexpected {
            got: shown(got),
            expected: shown(expected),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::NotInstalled(program, error) => write!(f, "{program}: {error}"),
            Self::Build(kind) => write!(f, "{} could not be built", kind.name()),
            Self::NotListening(line) => write!(f, "the server does not listen, it says `{line}`"),
            Self::Proc(file) => write!(f, "/proc/…/{file} can't be understood"),
            Self::Closed { connection } => write!(f, "the server closed connection {connection}"),
            Self::Handshake(answer) => write!(f, "the handshake was answered `{answer}`"),
            Self::Unexpected { got, expected } => {
                write!(f, "got `{got}` where `{expected}` is next")
            }
            Self::Lost(count) => write!(f, "{count} messages have not come"),
            Self::Stuck => write!(f, "nothing comes any more"),
            Self::TooManyCalls { what, of_each } => {
                write!(f, "{what} takes {of_each:.2} write calls")
            }
            Self::Unfair(lines) => write!(f, "{lines} lines do not reach what they must"),
            Self::During(row, kind, failure) => write!(f, "{row} on {}: {failure}", kind.name()),
        }
    }
}
