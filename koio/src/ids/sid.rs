//! The ids of Engine.IO sessions.

use std::fmt;

use super::{
    random::{self, NoRandomness, is_id_char},
    socket_id::SocketId,
};

/// Bytes of randomness in a [`Sid`]: 192 bits, since it is the only credential of a polling session.
const SID_RANDOM: usize = 24;
/// Characters of a [`Sid`]: base64url of [`SID_RANDOM`] bytes, which needs no padding.
const SID_CHARS: usize = 32;

/// The character that sessions are spread by in their table.
const SPREAD_BY: usize = 19;

/// The id of an Engine.IO session (protocol section "Handshake").
///
/// It is a bearer secret of 192 random bits: [`Debug`](fmt::Debug) shows its first four characters only, and
/// there is no `Display`. It is never the same as the id of a socket, but for clients of
/// [revision 3](crate::Io::allow_eio3), which take their session's id for that of their socket in `/`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid([u8; SID_CHARS]);

/// Behind the last character of a shorter id: that of a socket.
const NO_CHAR: u8 = 0;

impl Sid {
    /// Draws a fresh id from the operating system's randomness.
    ///
    /// # Errors
    /// Fails when the operating system has no randomness to give; no session may be opened then.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        random::chars::<SID_RANDOM, SID_CHARS>().map(Self)
    }

    /// Reads an id that a client sent; `None` if the text does not have the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text.as_bytes())
    }

    /// [`parse`](Self::parse) of bytes.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let Ok(chars) = <[u8; SID_CHARS]>::try_from(text) else {
            return SocketId::read(text).map(Self::from);
        };
        // A fold has no early return, so it compiles to vector instructions: 52 instructions and not 435. A connection reads
        // its id with each request: row `connect-upgrade` has 1,500 fewer.
        let is_valid = chars
            .iter()
            .fold(true, |valid, char| valid & is_id_char(char));
        is_valid.then_some(Self(chars))
    }

    /// Which of `parts` shards it belongs to. Ids are spread evenly, since the last character that a socket's id has is random; the
    /// first ones may be the program's ([`Io::generate_id`](crate::Io::generate_id)).
    pub(crate) fn part(&self, parts: usize) -> usize {
        usize::from(self.0[SPREAD_BY]) % parts
    }

    /// The id of the socket in `/`, if the session has the same.
    pub(crate) fn socket_id(&self) -> Option<SocketId> {
        SocketId::read(self.expose().as_bytes())
    }

    /// The whole secret, as it goes to the client that owns the session. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        let chars = match self.0[SID_CHARS - 1] {
            NO_CHAR => self.0.split(|char| *char == NO_CHAR).next(),
            _ => Some(&self.0[..]),
        };
        std::str::from_utf8(chars.unwrap_or_default()).unwrap_or_default()
    }
}

impl From<SocketId> for Sid {
    fn from(id: SocketId) -> Self {
        let mut chars = [NO_CHAR; SID_CHARS];
        for (to, from) in chars.iter_mut().zip(id.as_str().bytes()) {
            *to = from;
        }
        Self(chars)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.expose().get(..4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_may_have_the_id_of_a_socket() {
        let id = SocketId::random().unwrap();
        let sid = Sid::from(id);
        assert_eq!(sid.expose(), id.as_str());
        assert_eq!(sid.socket_id(), Some(id));
        assert_eq!(Sid::parse(id.as_str()), Some(sid));
        assert_eq!(Sid::random().unwrap().socket_id(), None);
        for text in ["", "_", "abcdefghijklmnopqrst", "_has a space in it !"] {
            assert_eq!(Sid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_id_is_redacted_when_shown() {
        let sid = Sid::random().unwrap();
        let shown = format!("{sid:?}");
        assert_eq!(shown.chars().count(), 5);
        assert!(!shown.contains(sid.expose()));
    }
}
