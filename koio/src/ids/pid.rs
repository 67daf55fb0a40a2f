//! The secrets with which clients come back.

use std::fmt;

use super::random::{self, NoRandomness, is_id_char};

/// Bytes of randomness in a [`Pid`]: 144 bits.
const PID_RANDOM: usize = 18;
/// Characters of a [`Pid`].
const PID_CHARS: usize = 24;

/// The private id of a socket, with which its client returns to it after a lost connection (`pid` in CONNECT). It is a
/// secret, and shown redacted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pid([u8; PID_CHARS]);

impl Pid {
    /// Draws a fresh id from the operating system's randomness.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        random::chars::<PID_RANDOM, PID_CHARS>().map(Self)
    }

    /// Reads an id that a client sent; `None` if the text does not have the shape of one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let chars: [u8; PID_CHARS] = text.as_bytes().try_into().ok()?;
        chars.iter().all(is_id_char).then_some(Self(chars))
    }

    /// The whole secret, for the client that owns it. Never log it.
    pub(crate) fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.expose().get(..4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_reads_back_and_is_redacted_when_shown() {
        let pid = Pid::random().unwrap();
        assert_eq!(Pid::parse(pid.expose()), Some(pid));
        assert!(!format!("{pid:?}").contains(pid.expose()));
        assert_ne!(Pid::random().unwrap(), pid);
        for bad in ["", "short", "twenty four characters !", &"x".repeat(25)] {
            assert_eq!(Pid::parse(bad), None, "{bad}");
        }
    }
}
