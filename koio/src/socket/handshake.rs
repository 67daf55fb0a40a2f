//! What a client sent when it connected.

use std::{
    any::type_name, collections::BTreeMap, fmt, net::SocketAddr, sync::Arc, time::SystemTime,
};

use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;

use crate::{Error, Result, adapter::HandshakeView, engine::Opening, wire};

/// What the client sent when it connected: the first HTTP request of its connection, and the auth payload of
/// its CONNECT packet (protocol section "Connection to a namespace").
///
/// Headers, query and address belong to the connection and are the same for all its namespaces; they never
/// change, not even by an upgrade. The auth payload belongs to the namespace. Cloning costs two reference
/// counts.
#[derive(Clone)]
pub struct Handshake {
    /// The connection, which holds the request, so that a connection is one allocation.
    request: Arc<dyn AsRef<HandshakeRequest> + Send + Sync>,
    /// `None`: the client sent none. A copy, since the packet is a slice of a larger read buffer. A thin pointer: 8
    /// bytes less for each idle socket (`counts_idle`).
    auth: Option<Arc<Box<[u8]>>>,
}

/// The first HTTP request of a connection, which all its namespaces share.
pub(crate) struct HandshakeRequest {
    opening: Opening,
    issued: SystemTime,
}

impl HandshakeRequest {
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            opening,
            issued: SystemTime::now(),
        }
    }
}

impl Handshake {
    pub(super) fn new(
        request: Arc<dyn AsRef<HandshakeRequest> + Send + Sync>,
        auth: &[u8],
    ) -> Self {
        let auth = (!auth.is_empty()).then(|| Arc::new(auth.into()));
        Self { request, auth }
    }

    fn request(&self) -> &HandshakeRequest {
        (*self.request).as_ref()
    }

    /// The headers of the first request, but for those about the connection alone (`Connection`, `Upgrade`, the key,
    /// version and extensions of a WebSocket).
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.request().opening.headers()
    }

    /// Path and query of the first request. The query of an upgraded connection holds no session id.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        self.request().opening.uri()
    }

    /// A parameter of the query, decoded; the last one if it is there more than once.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut found = self.request().opening.queries().iter().rev();
        found
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All parameters of the query, decoded, in their order.
    #[must_use]
    pub fn queries(&self) -> &[(String, String)] {
        self.request().opening.queries()
    }

    /// The revision of Engine.IO that the client speaks: 4, or 3 for clients of Socket.IO 2, if they are
    /// [let in](crate::Io::allow_eio3). Node's `socket.conn.protocol`.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.request().opening.revision.number()
    }

    /// The address of the client: what [trusted proxies](crate::Io::trust_proxies) say, with port 0 if they say none; without
    /// them the address that the connection came from. An IPv4 client has its IPv4 address, on a listener for both families
    /// as well.
    ///
    /// `None` for a client of a Unix socket, and if koio runs inside another server that does not pass the address on: see
    /// [`Io::peer_address`](crate::Io::peer_address).
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.request().opening.remote
    }

    /// Whether the client asked over TLS: what a [trusted proxy](crate::Io::trust_proxies) says, or else whether koio's own listener
    /// [has TLS](crate::server). Inside another server koio sees it over HTTP/2 alone.
    ///
    /// Socket.IO's `handshake.secure`. Its `xdomain` is whether [`headers`](Self::headers) has `origin`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.request().opening.secure
    }

    /// What the server around koio has put into the extensions of the first request: a user that a middleware of axum has
    /// found, for example. Only types that were named with [`Io::keep_extension`](crate::Io::keep_extension) are kept, and what
    /// [`Io::allow_request`](crate::Io::allow_request) has returned.
    /// Where there is none, a line of the log at level `debug` says of which type.
    ///
    /// The first request is the one that opened the connection, long-polling or WebSocket; those that follow do not count.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let found = self.request().opening.extension();
        if found.is_none() {
            // A forgotten `keep_extension` looks like a client that has not logged in.
            tracing::debug!(
                "a handshake has no extension `{0}`: the request had none, or `.keep_extension::<{0}>()` is missing, or the \
                 layer that sets it is inside koio's",
                type_name::<T>()
            );
        }
        found
    }

    /// When the connection was opened.
    #[must_use]
    pub fn issued(&self) -> SystemTime {
        self.request().issued
    }

    /// The auth payload as the client sent it: a JSON object, `{}` if it sent none.
    #[must_use]
    pub fn auth_json(&self) -> &[u8] {
        self.auth.as_ref().map_or(b"{}", |auth| auth)
    }

    /// The auth payload, read into a type.
    ///
    /// # Errors
    /// `bad_request` if it does not fit.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T> {
        self.read_auth()
            // Shortened, since the reason quotes what the client sent.
            .map_err(|error| Error::bad_request(wire::shorten(format!("auth: {error}"))))
    }
}

impl Handshake {
    /// Half of a surrogate pair is mended, and `1.0` is an integer, as in events.
    fn read_auth<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        let json = self.auth_json();
        serde_json::from_slice(json)
            .or_else(|error| wire::read_again(json, None).unwrap_or(Err(error)))
    }

    /// The same as plain data, for other nodes.
    pub(super) fn view(&self) -> HandshakeView {
        let request = self.request();
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in request.opening.headers() {
            let Ok(value) = std::str::from_utf8(value.as_bytes()) else {
                continue;
            };
            let all = headers.entry(name.as_str().to_owned()).or_default();
            if !all.is_empty() {
                all.push_str(", ");
            }
            all.push_str(value);
        }
        let issued = request.issued.duration_since(SystemTime::UNIX_EPOCH);
        let issued = issued.unwrap_or_default().as_millis();
        HandshakeView {
            headers,
            address: request.opening.remote,
            secure: request.opening.secure,
            issued: u64::try_from(issued).unwrap_or(u64::MAX),
            url: request.opening.uri().to_string(),
            query: request.opening.queries().iter().cloned().collect(),
            auth: self.read_auth().unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Handshake {
    /// Without headers and auth, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("path", &self.request().opening.uri().path())
            .field("address", &self.request().opening.remote)
            .field("issued", &self.request().issued)
            .finish_non_exhaustive()
    }
}
