//! The request that would open a session, and the program's refusal of it.

use std::{borrow::Cow, error::Error as StdError, fmt, net::SocketAddr};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, request::Parts};

use crate::engine::TransportKind;

/// The request that would open a session, for [`Io::allow_request`](crate::Io::allow_request).
#[derive(Clone, Debug)]
pub struct OpeningRequest {
    parts: Parts,
    address: Option<SocketAddr>,
    transport: TransportKind,
}

impl OpeningRequest {
    pub(super) fn new(parts: Parts, address: Option<SocketAddr>, transport: TransportKind) -> Self {
        Self {
            parts,
            address,
            transport,
        }
    }

    /// Its headers, as they came.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Its path and query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// A parameter of the query, decoded; the last one if it is there more than once.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        let mut found = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if key == name {
                found = Some(value);
            }
        }
        found.map(Cow::into_owned)
    }

    /// The address of the client, as [`Handshake::address`](crate::Handshake::address) will have it.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The transport that the session would start with.
    #[must_use]
    pub fn transport(&self) -> TransportKind {
        self.transport
    }

    /// What a layer around koio has put beside the request.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.parts.extensions.get()
    }

    /// All that layers around koio have put beside the request.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// The head of the request: method, target, version, headers and extensions.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}

/// Why a program lets no session open: what [`Io::allow_request`](crate::Io::allow_request) refuses with.
///
/// Any [`std::error::Error`] converts by `?`, and so does koio's own. What the client may not see is answered as 500 without its
/// text, which is logged.
///
/// ```
/// use http::StatusCode;
/// use koio::server::Rejection;
///
/// let rejection = Rejection::new("log in first").status(StatusCode::UNAUTHORIZED);
/// ```
// No `std::error::Error` itself, since that would forbid the conversion that makes `?` work.
pub struct Rejection(Box<RejectionData>);

struct RejectionData {
    status: StatusCode,
    message: Cow<'static, str>,
    headers: HeaderMap,
    /// Whether it is the program's, for which the protocol has a code.
    is_forbidden: bool,
    hint: Cow<'static, str>,
}

/// The message of what the client may not see.
const HIDDEN: &str = "Internal error";

impl Rejection {
    /// Refuses with 403 and this message, which the client gets as `{"code":4,"message":".."}` over long-polling. Over WebSocket it
    /// is the body of the answer, which browsers show no page.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(RejectionData {
            status: StatusCode::FORBIDDEN,
            message: message.into(),
            headers: HeaderMap::new(),
            is_forbidden: true,
            hint: Cow::Borrowed("`allow_request` has refused it"),
        }))
    }

    /// Another status than 403, from 400 to 599. Any other is answered as 500.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        let is_refusal = status.is_client_error() || status.is_server_error();
        self.0.status = if is_refusal {
            status
        } else {
            self.0.hint = Cow::Owned(format!(
                "`allow_request` refuses it with {status}, which is no refusal: a status from 400 to 599 is one"
            ));
            StatusCode::INTERNAL_SERVER_ERROR
        };
        self
    }

    /// Adds a header to the answer: `Retry-After`, `WWW-Authenticate`. Headers that say how the answer is read stay koio's, as in
    /// [`Io::initial_headers`](crate::Io::initial_headers).
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Refuses with 500, and says why in the log alone.
    pub(crate) fn hidden(why: impl fmt::Display) -> Self {
        let mut rejection = Self::of_server(StatusCode::INTERNAL_SERVER_ERROR, HIDDEN.into());
        rejection.0.hint = Cow::Owned(format!("`allow_request` has failed: {why}"));
        rejection
    }

    /// The server's own: the protocol has no code for it.
    pub(super) fn of_server(status: StatusCode, message: Cow<'static, str>) -> Self {
        let mut rejection = Self::new(message);
        rejection.0.status = status;
        rejection.0.is_forbidden = false;
        rejection
    }

    /// With this line for the operator.
    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.0.hint = Cow::Borrowed(hint);
        self
    }

    /// The name of the function that has refused.
    pub(super) fn said_by(mut self, function: &str) -> Self {
        let hint = self
            .0
            .hint
            .replace("`allow_request`", &format!("`{function}`"));
        self.0.hint = Cow::Owned(hint);
        self
    }

    pub(super) fn status_code(&self) -> StatusCode {
        self.0.status
    }

    pub(super) fn message(&self) -> &str {
        &self.0.message
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    pub(super) fn hint_text(&self) -> &str {
        &self.0.hint
    }

    /// The code of the protocol.
    pub(super) fn code(&self) -> Option<u8> {
        self.0.is_forbidden.then_some(4)
    }
}

impl<E: StdError> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::hidden(error)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("status", &self.0.status)
            .field("message", &self.0.message)
            .finish_non_exhaustive()
    }
}
