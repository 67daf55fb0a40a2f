//! [`Breach`]: the limit that a client went beyond.

use std::{fmt, time::Duration};

use super::machine::{Halt, Pace};
use crate::{
    ids::Sid,
    observe::{Observation, Observers},
};

/// A limit that ends the session of a client that goes beyond it, and what the client did. `Display` names the limit and
/// both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A message has more than `max_payload` bytes.
    TooLong { bytes: u64, max: u64 },
    /// A compressed message has more than `max_payload` bytes when it is inflated: at least so many.
    InflatesTooLong {
        compressed: u64,
        bytes: u64,
        max: u64,
    },
    /// The body of a POST has more bytes than messages of `max_payload` need in base64.
    BodyTooLong {
        bytes: u64,
        max: u64,
        max_payload: u64,
    },
    /// A WebSocket message came in more than `max_fragments` frames.
    TooManyFragments { max: u32 },
    /// More control frames than a WebSocket may send in a second.
    TooManyControlFrames { max: u32 },
    /// No byte of a message came for `message_timeout`.
    Paused {
        pause: Duration,
        bytes: u64,
        /// How many the message has at least; 0 if that is unknown.
        expected: u64,
    },
    /// A message came at less than `min_rate` over `message_timeout`.
    TooSlow {
        window: Duration,
        /// Bytes that came in that time.
        bytes: u64,
        min_rate: u64,
    },
}

impl Breach {
    /// A message that did not get on. `expected`: how many bytes it has at least, or 0.
    pub(crate) fn of_message(halt: Halt, pace: Pace, expected: u64) -> Self {
        match halt {
            Halt::Paused { bytes } => Self::Paused {
                pause: pace.pause,
                bytes,
                expected,
            },
            Halt::TooSlow { bytes } => Self::TooSlow {
                window: pace.pause,
                bytes,
                min_rate: pace.min_rate.unwrap_or(0) as u64,
            },
        }
    }

    /// Tells the observers that the client of this session went beyond the limit.
    pub(crate) fn notify(&self, sid: Sid, observers: &Observers) {
        observers.notify(&Observation::LimitExceeded {
            sid,
            limit: self.limit(),
            cause: format_args!("{self}"),
        });
    }

    /// The name of the limit, as `Config` spells it.
    pub(crate) fn limit(&self) -> &'static str {
        match self {
            Self::TooLong { .. } | Self::InflatesTooLong { .. } | Self::BodyTooLong { .. } => {
                "max_payload"
            }
            Self::TooManyFragments { .. } => "max_fragments",
            Self::TooManyControlFrames { .. } => "control frames",
            Self::Paused { .. } => "message_timeout",
            Self::TooSlow { .. } => "min_rate",
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLong { bytes, max } => {
                write!(f, "message of at least {bytes} bytes (max_payload {max})")
            }
            Self::InflatesTooLong {
                compressed,
                bytes,
                max,
            } => write!(
                f,
                "message of {compressed} bytes that inflates to at least {bytes} (max_payload {max})"
            ),
            Self::BodyTooLong {
                bytes,
                max,
                max_payload,
            } => {
                write!(
                    f,
                    "request body of at least {bytes} bytes (at most {max}: max_payload {max_payload} in base64)"
                )
            }
            Self::TooManyFragments { max } => {
                write!(f, "message in more than {max} frames (max_fragments {max})")
            }
            Self::TooManyControlFrames { max } => {
                write!(f, "more than {max} control frames in a second")
            }
            Self::Paused {
                pause,
                bytes,
                expected,
            } => {
                write!(
                    f,
                    "message paused for {pause:?} (message_timeout {pause:?}) after {bytes} "
                )?;
                if expected > 0 {
                    write!(f, "of at least {expected} ")?;
                }
                f.write_str("bytes")
            }
            Self::TooSlow {
                window,
                bytes,
                min_rate,
            } => {
                write!(
                    f,
                    "message came at {bytes} bytes in {window:?} (min_rate {min_rate} a second)"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_names_the_limit_and_both_numbers() {
        let pause = Duration::from_secs(10);
        let paused = |expected| Breach::Paused {
            pause,
            bytes: 123,
            expected,
        };
        let slow = Breach::TooSlow {
            window: pause,
            bytes: 10,
            min_rate: 4_096,
        };
        for (breach, text) in [
            (
                paused(640_000),
                "message paused for 10s (message_timeout 10s) after 123 of at least 640000 bytes",
            ),
            (
                paused(0),
                "message paused for 10s (message_timeout 10s) after 123 bytes",
            ),
            (
                slow,
                "message came at 10 bytes in 10s (min_rate 4096 a second)",
            ),
        ] {
            assert_eq!(breach.to_string(), text);
            assert!(text.contains(breach.limit()));
        }
    }
}
