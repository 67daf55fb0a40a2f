//! The names of rooms.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::socket_id::SocketId;

/// The name of a room: a set of sockets of one namespace, made by the first that joins and gone with the last.
///
/// Cloning costs a reference count. Text converts into it, and so does a [`SocketId`], since every socket is in a room
/// of its own id.
///
/// Where the text came from a client, the client chooses the room, another socket's own room included: look the
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

impl Serialize for Room {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_goes_through_json_as_text() {
        let room = Room::from("a \"room\"");
        let json = serde_json::to_string(&room).unwrap();
        assert_eq!(json, r#""a \"room\"""#);
        assert_eq!(serde_json::from_str::<Room>(&json).unwrap(), room);
    }
}
