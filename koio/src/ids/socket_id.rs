//! The ids of Socket.IO sockets.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha1::{Digest as _, Sha1};

use super::random::{self, NoRandomness, is_id_char};

/// Bytes of randomness in a [`SocketId`]. The first six bits are replaced by the mark.
const SOCKET_ID_RANDOM: usize = 15;
/// Characters of a [`SocketId`], the length that the reference implementation uses.
const SOCKET_ID_CHARS: usize = 20;
/// The first character of every [`SocketId`]. It tells an id from a room name of the same length, so that
/// [`SocketId::parse`] (and with it `join`) does not take `general-discussion-1` for an id.
const SOCKET_ID_MARK: u8 = b'_';

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
    /// Stands for a socket whose id is not known: the answers of clients of a Node server in the
    /// [cluster](crate::cluster) come without it. No socket has this id.
    pub const UNKNOWN: Self = Self(*b"_-------------------");

    /// Draws a fresh id from the operating system's randomness.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let mut chars = random::chars::<SOCKET_ID_RANDOM, SOCKET_ID_CHARS>()?;
        chars[0] = SOCKET_ID_MARK;
        Ok(Self(chars))
    }

    /// The id of a client's socket in `namespace`, where this one is that of its socket in `/`: for clients of Socket.IO 2. They
    /// know one id, that of their session, and call their sockets `<id>`, `/chat#<id>` and so on. The id in a namespace is made
    /// of that name, on every node the same.
    ///
    /// The session's id can't be told from the digest, and no client can choose a namespace in which it has the id of another.
    /// Two texts with one digest, which can be found for SHA-1, help with neither.
    #[must_use]
    pub(crate) fn in_namespace(self, namespace: &str) -> Self {
        if namespace == "/" {
            return self;
        }
        let name = Sha1::new_with_prefix(namespace).chain_update("#");
        let digest: [u8; 20] = name.chain_update(self.0).finalize().into();
        let mut chars = [SOCKET_ID_MARK; SOCKET_ID_CHARS];
        // Three bytes are four characters.
        let _ = URL_SAFE_NO_PAD.encode_slice(&digest[..SOCKET_ID_RANDOM], &mut chars);
        chars[0] = SOCKET_ID_MARK;
        Self(chars)
    }

    /// Reads an id from text; `None` if the text does not have the shape of a socket id.
    ///
    /// The shape says nothing of whether such a socket exists. A client of [Socket.IO 2](crate::Io::allow_eio3) has names like
    /// `/chat#_PXlOQPBAfo4TyTYLGQi` for its sockets in other namespaces than `/`: that is read as the id of that socket.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('/') {
            return Self::read(text.as_bytes());
        }
        let (namespace, id) = text.rsplit_once('#')?;
        Some(Self::read(id.as_bytes())?.in_namespace(namespace))
    }

    /// Reads the characters of an id.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let chars: [u8; SOCKET_ID_CHARS] = text.try_into().ok()?;
        (chars[0] == SOCKET_ID_MARK && chars.iter().all(is_id_char)).then_some(Self(chars))
    }

    /// Reads an id that another server of Socket.IO's has drawn, which has no mark.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(crate) fn of_any_server(text: &str) -> Option<Self> {
        let chars: [u8; SOCKET_ID_CHARS] = text.as_bytes().try_into().ok()?;
        chars.iter().all(is_id_char).then_some(Self(chars))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
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

/// The text does not have the shape of a socket id.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Sid;

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
    fn an_id_may_have_its_namespace_before_it() {
        let id = SocketId::random().unwrap();
        let mut seen = std::collections::HashSet::new();
        for namespace in ["/", "/chat", "/a#b"] {
            let there = id.in_namespace(namespace);
            assert_eq!(there == id, namespace == "/");
            assert_eq!(SocketId::parse(&format!("{namespace}#{id}")), Some(there));
            assert_eq!(SocketId::parse(there.as_str()), Some(there));
            assert!(seen.insert(there));
        }
        for text in [format!("chat#{id}"), format!("/chat{id}"), format!("/{id}")] {
            assert_eq!(SocketId::parse(&text), None, "{text}");
        }
    }

    /// Nodes of several versions have to agree.
    #[test]
    fn the_id_in_a_namespace_stays_what_it_is() {
        let id = SocketId::parse("/chat#_PXlOQPBAfo4TyTYLGQi").unwrap();
        assert_eq!(id.as_str(), "_EZjq1B1VO9jL5mPxfSw");
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
