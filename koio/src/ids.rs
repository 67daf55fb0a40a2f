//! The names of things on the wire: sessions, sockets and rooms.
//!
//! Three kinds of identity, three types. A [`Sid`] names an Engine.IO session and is a bearer secret:
//! whoever knows it can read and write that session. A [`SocketId`] names one Socket.IO socket and is
//! public. A [`Room`] is a name that your own code chose.

mod hasher;
mod random;

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

pub(crate) use self::hasher::ByRandomId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes of randomness in a [`Sid`]: 192 bits, since it is the only credential of a polling session.
const SID_RANDOM: usize = 24;
/// Characters of a [`Sid`]: base64url of [`SID_RANDOM`] bytes, which needs no padding.
const SID_CHARS: usize = 32;
/// Bytes of randomness in a [`SocketId`]. The first six bits make way for the mark.
const SOCKET_ID_RANDOM: usize = 15;
/// Characters of a [`SocketId`], the length that the reference implementation uses.
const SOCKET_ID_CHARS: usize = 20;
/// The first character of every [`SocketId`]. It tells an id from a room name of the same length, so that
/// [`SocketId::parse`] (and with it `join`) does not take `general-discussion-1` for somebody's id.
const SOCKET_ID_MARK: u8 = b'_';

/// The id of an Engine.IO session (protocol section "Handshake").
///
/// It is a bearer secret of 192 random bits: [`Debug`](fmt::Debug) shows its first four characters only, and
/// there is no `Display`. It is never the same as the id of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid([u8; SID_CHARS]);

impl Sid {
    /// Draws a fresh id from the operating system's randomness.
    ///
    /// # Errors
    /// Fails when the operating system has no randomness to give; nobody may be let in then.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let random: [u8; SID_RANDOM] = random::bytes()?;
        let mut chars = [0_u8; SID_CHARS];
        URL_SAFE_NO_PAD
            .encode_slice(random, &mut chars)
            .map_err(|_| NoRandomness)?;
        Ok(Self(chars))
    }

    /// Reads an id that a client sent; `None` if it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text.as_bytes())
    }

    /// The same of what may be no text.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let chars: [u8; SID_CHARS] = text.try_into().ok()?;
        // Looks at all of them, so that the compiler can look at many at once: every request of a session has one.
        let good = chars
            .iter()
            .fold(true, |good, char| good & is_id_char(char));
        good.then_some(Self(chars))
    }

    /// One of `parts` parts of all ids, which are about equally big.
    pub(crate) fn part(&self, parts: usize) -> usize {
        usize::from(self.0[0]) % parts
    }

    /// The whole secret, as it goes to the client that owns the session. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.expose().get(..4).unwrap_or_default())
    }
}

/// The operating system had no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// The public id of one socket: one client in one namespace, until it disconnects.
///
/// Twenty characters of `[A-Za-z0-9_-]`, the first a `_`, the others random (114 bits). Every socket is in a
/// room of its own id, so an id can be given wherever a room is asked for:
///
/// ```
/// # use koio::{IoHandle, Result, SocketId};
/// fn whisper(io: &IoHandle, to: SocketId) -> Result<()> {
///     io.to(to).emit("private", "psst")
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; SOCKET_ID_CHARS]);

impl SocketId {
    /// Draws a fresh id from the operating system's randomness.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let random: [u8; SOCKET_ID_RANDOM] = random::bytes()?;
        let mut chars = [0_u8; SOCKET_ID_CHARS];
        URL_SAFE_NO_PAD
            .encode_slice(random, &mut chars)
            .map_err(|_| NoRandomness)?;
        chars[0] = SOCKET_ID_MARK;
        Ok(Self(chars))
    }

    /// Reads an id from text; `None` if the text has not the shape of a socket id.
    ///
    /// The shape says nothing of whether such a socket exists.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let chars: [u8; SOCKET_ID_CHARS] = text.as_bytes().try_into().ok()?;
        (chars[0] == SOCKET_ID_MARK && chars.iter().all(is_id_char)).then_some(Self(chars))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn is_id_char(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() | (*byte == b'_') | (*byte == b'-')
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text has not the shape of a socket id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASocketId;

impl fmt::Display for NotASocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a socket id")
    }
}

impl std::error::Error for NotASocketId {}

impl FromStr for SocketId {
    type Err = NotASocketId;

    fn from_str(text: &str) -> Result<Self, NotASocketId> {
        Self::parse(text).ok_or(NotASocketId)
    }
}

impl PartialEq<str> for SocketId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl Serialize for SocketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SocketId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a socket id"))
    }
}

/// The name of a room: a set of sockets of one namespace, made by the first that joins and gone with the last.
///
/// Cloning costs a reference count. Whatever names a room converts into it: text, or a [`SocketId`], since
/// every socket is in a room of its own id.
///
/// Where the text came from a client, the client chooses the room, somebody's own room included: look the
/// text up first.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room(Arc<str>);

impl Room {
    /// The room's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Room {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Room {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for Room {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<&String> for Room {
    fn from(name: &String) -> Self {
        Self(name.as_str().into())
    }
}

impl From<&Room> for Room {
    fn from(room: &Room) -> Self {
        room.clone()
    }
}

impl From<SocketId> for Room {
    fn from(id: SocketId) -> Self {
        Self(id.as_str().into())
    }
}

impl From<&SocketId> for Room {
    fn from(id: &SocketId) -> Self {
        Self(id.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_redacted_when_shown() {
        let sid = Sid::random().unwrap();
        let shown = format!("{sid:?}");
        assert_eq!(shown.chars().count(), 5);
        assert!(!shown.contains(sid.expose()));
    }

    #[test]
    fn ids_do_not_repeat_and_read_back() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let id = SocketId::random().unwrap();
            assert_eq!(SocketId::parse(id.as_str()), Some(id));
            assert!(seen.insert(id));
            let sid = Sid::random().unwrap();
            assert_eq!(Sid::parse(sid.expose()), Some(sid));
        }
    }

    #[test]
    fn a_room_name_of_the_same_length_is_no_socket_id() {
        assert_eq!(SocketId::parse("general-discussion-1"), None);
        assert_eq!(SocketId::parse("_short"), None);
        assert_eq!(SocketId::parse("_has a space in it !"), None);
    }

    #[test]
    fn a_socket_id_goes_through_json_as_text() {
        let id = SocketId::random().unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<SocketId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<SocketId>("\"x\"").is_err());
    }
}
