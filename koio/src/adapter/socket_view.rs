//! The description of a socket, for other nodes.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, Result,
    ids::{Room, SocketId},
    wire,
};

/// The description of one socket by [`fetch`](super::Adapter::fetch).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SocketView {
    pub(crate) id: SocketId,
    /// Its own, where a family was fetched.
    pub(crate) namespace: String,
    /// Without the room of its own id.
    pub(crate) rooms: Vec<Room>,
    pub(crate) handshake: HandshakeView,
    /// JSON text.
    pub(crate) data: Option<String>,
}

/// What a client sent when it connected, as plain data: the [`Handshake`](crate::Handshake) of a socket that may be on
/// another node.
///
/// It serialises into an object with the keys that Node's `socket.handshake` has: `headers`, `address`, `secure`, `issued`
/// (milliseconds), `url`, `query` and `auth`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HandshakeView {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) address: Option<SocketAddr>,
    /// An older node does not say it.
    #[serde(default)]
    pub(crate) secure: bool,
    pub(crate) issued: u64,
    pub(crate) url: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) auth: serde_json::Value,
}

impl HandshakeView {
    /// A header of the first request, by its lower-case name. The values of a repeated one are joined by `, `. A value
    /// that is not UTF-8 is left out.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// All headers of the first request, by their lower-case names.
    #[must_use]
    pub fn headers(&self) -> &BTreeMap<String, String> {
        &self.headers
    }

    /// The address that the connection came from; see [`Handshake::address`](crate::Handshake::address).
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether the client asked over TLS, as far as its node knows; see
    /// [`Handshake::is_secure`](crate::Handshake::is_secure).
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// When the connection was opened, in whole milliseconds, by the clock of its node.
    #[must_use]
    pub fn issued(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.issued)
    }

    /// Path and query of the first request.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A parameter of the query, decoded; the last one if it is there more than once.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The auth payload, read into a type.
    ///
    /// # Errors
    /// `bad_request` if it does not fit.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.auth)
            .map_err(|error| Error::bad_request(wire::shorten(format!("auth: {error}"))))
    }
}

impl fmt::Debug for HandshakeView {
    /// Without headers, query and auth, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeView")
            .field("address", &self.address)
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}
