//! Why a request is refused: what the client is told, and what the operator of the server.
//!
//! The client gets the code and the message of the protocol (section "Protocol", error codes). The operator gets the values
//! that decided it, and what to write.

use std::{borrow::Cow, fmt, net::SocketAddr};

use http::{
    HeaderMap, HeaderName, Method, Request, StatusCode, Uri, Version,
    header::{CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION},
};

use super::{Rejection, host::host_of, proxies::ForwardedRequest};
use crate::{
    engine::{LimitReached, NotOpened, TransportKind},
    ids::Sid,
    observe::{Observation, Observers},
    wire::shortened,
};

/// What was wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It names no transport of the protocol.
    TransportUnknown,
    /// It names a transport that is switched off.
    TransportOff(TransportKind),
    /// No session has its id; `None` if the text has not even the shape of one.
    SessionUnknown(Option<Sid>),
    BadHandshakeMethod,
    /// A parameter has two values: proxies and servers may read different ones.
    Ambiguous(&'static str),
    /// It asks for JSONP, which belongs to older revisions of the protocol.
    Jsonp,
    /// A WebSocket without the headers that ask for one.
    NoUpgrade,
    /// A poll with the headers that ask for a WebSocket.
    UpgradedPoll,
    /// Sessions may not move to another transport.
    UpgradesOff,
    /// The program has made an id, of so many bytes, that is none.
    BadId {
        bytes: usize,
        wanted: usize,
    },
    /// The program has made the id of another session.
    DuplicateId(Sid),
    /// The session has moved to another transport.
    OtherTransport(Sid, TransportKind),
    /// `Sec-WebSocket-Key` is missing, or not 16 bytes in base64.
    WebSocketKey,
    /// `Sec-WebSocket-Version` is not 13.
    WebSocketVersion,
    /// The page's origin may not connect.
    Forbidden,
    UnsupportedVersion,
    /// A method other than GET and POST, for a session. The protocol has no code for it.
    MethodNotAllowed,
    /// A WebSocket is asked for with another method than GET.
    UpgradeMethod,
    /// A second request of a session while one of its kind is under way.
    Overlapping(Sid),
    /// A body that is no text.
    BinaryBody,
    /// A compressed body.
    EncodedBody,
    /// The server is shutting down.
    ShuttingDown,
    /// The operating system gave no randomness for an id.
    NoRandomness,
    /// The program's function panicked that was given to this method of `Io`.
    Panicked(&'static str),
    /// There are too many sessions, or handshakes.
    Limit(LimitReached),
    /// The head of the request has more bytes than it may.
    HeadTooLarge {
        bytes: usize,
        max: usize,
    },
}

impl From<NotOpened> for Refusal {
    fn from(why: NotOpened) -> Self {
        match why {
            NotOpened::Refusing => Self::ShuttingDown,
            NotOpened::NoId => Self::NoRandomness,
            NotOpened::DuplicateId(sid) => Self::DuplicateId(sid),
            NotOpened::Limit(limit) => Self::Limit(limit),
        }
    }
}

impl Refusal {
    /// The code of the protocol.
    pub(crate) const fn code(self) -> Option<u8> {
        Some(match self {
            Self::TransportUnknown | Self::TransportOff(_) => 0,
            Self::SessionUnknown(_) => 1,
            Self::BadHandshakeMethod => 2,
            Self::Ambiguous(_)
            | Self::Jsonp
            | Self::NoUpgrade
            | Self::UpgradedPoll
            | Self::UpgradesOff
            | Self::BadId { .. }
            | Self::DuplicateId(_)
            | Self::OtherTransport(..)
            | Self::WebSocketKey
            | Self::WebSocketVersion => 3,
            Self::Forbidden => 4,
            Self::UnsupportedVersion => 5,
            Self::MethodNotAllowed
            | Self::UpgradeMethod
            | Self::Overlapping(_)
            | Self::BinaryBody
            | Self::EncodedBody
            | Self::ShuttingDown
            | Self::NoRandomness
            | Self::Panicked(_)
            | Self::Limit(_)
            | Self::HeadTooLarge { .. } => return None,
        })
    }

    /// What the client is told.
    pub(crate) fn message(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::TransportUnknown | Self::TransportOff(_) => "Transport unknown",
            Self::SessionUnknown(_) => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::Ambiguous(parameter) => {
                return Cow::Owned(format!("Bad request: two values of {parameter}"));
            }
            Self::Jsonp
            | Self::NoUpgrade
            | Self::UpgradedPoll
            | Self::UpgradesOff
            | Self::BadId { .. }
            | Self::DuplicateId(_)
            | Self::OtherTransport(..)
            | Self::WebSocketKey
            | Self::WebSocketVersion
            | Self::Overlapping(_)
            | Self::BinaryBody => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
            Self::MethodNotAllowed | Self::UpgradeMethod => "Method not allowed",
            Self::EncodedBody => "Unsupported media type",
            Self::ShuttingDown | Self::NoRandomness => "Unavailable",
            Self::Panicked(_) => "Internal error",
            Self::HeadTooLarge { .. } => "Request header fields too large",
            Self::Limit(limit) => return Cow::Owned(limit.to_string()),
        })
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed | Self::UpgradeMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::ShuttingDown | Self::NoRandomness | Self::Limit(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The part of the request that decided it.
    const fn cause(self) -> &'static str {
        match self {
            Self::TransportUnknown | Self::TransportOff(_) => "transport",
            Self::SessionUnknown(_) | Self::OtherTransport(..) => "sid",
            Self::BadHandshakeMethod | Self::MethodNotAllowed | Self::UpgradeMethod => "method",
            Self::Ambiguous(parameter) => parameter,
            Self::Jsonp => "j",
            Self::NoUpgrade | Self::UpgradedPoll | Self::UpgradesOff => "upgrade",
            Self::BadId { .. } | Self::DuplicateId(_) => "generate_id",
            Self::WebSocketKey => "sec-websocket-key",
            Self::WebSocketVersion => "sec-websocket-version",
            Self::Forbidden => "origin",
            Self::UnsupportedVersion => "EIO",
            Self::Overlapping(_) => "overlapping",
            Self::BinaryBody | Self::EncodedBody => "body",
            Self::ShuttingDown => "shutdown",
            Self::NoRandomness => "randomness",
            Self::Panicked(method) => method,
            Self::Limit(_) => "limit",
            Self::HeadTooLarge { .. } => "head",
        }
    }
}

/// The head of a request that is refused.
pub(super) struct RefusedRequest<'a> {
    pub(super) method: &'a Method,
    pub(super) version: Version,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    /// The client, as far as is known.
    peer: Option<SocketAddr>,
    /// What a trusted proxy says of it.
    pub(super) forwarded: &'a ForwardedRequest,
}

impl<'a> RefusedRequest<'a> {
    pub(super) fn new<B>(
        request: &'a Request<B>,
        peer: Option<SocketAddr>,
        forwarded: &'a ForwardedRequest,
    ) -> Self {
        Self {
            method: request.method(),
            version: request.version(),
            uri: request.uri(),
            headers: request.headers(),
            peer,
            forwarded,
        }
    }

    /// Tells the observers that it is refused.
    pub(super) fn notify(&self, refusal: Refusal, upgrade: bool, observers: &Observers) {
        if let Refusal::Limit(LimitReached { limit, count, max }) = refusal {
            observers.notify(&Observation::SessionRefused { limit, count, max });
        }
        let hint = RefusalHint {
            refusal,
            request: self,
        };
        self.tell(
            (refusal.cause(), refusal.status(), &refusal.message()),
            upgrade,
            &hint,
            observers,
        );
    }

    /// Tells the observers that the program has refused it.
    pub(super) fn notify_rejected(
        &self,
        rejection: &Rejection,
        upgrade: bool,
        observers: &Observers,
    ) {
        let (status, message) = (rejection.status_code(), shortened(rejection.message()));
        let refusal = ("allow_request", status, message);
        self.tell(refusal, upgrade, &rejection.hint_text(), observers);
    }

    fn tell(
        &self,
        (cause, status, message): (&str, StatusCode, &str),
        upgrade: bool,
        hint: &dyn fmt::Display,
        observers: &Observers,
    ) {
        observers.notify(&Observation::RequestRefused {
            cause,
            status: status.as_u16(),
            method: self.method.as_str(),
            path: shortened(self.uri.path()),
            origin: self.header(ORIGIN),
            host: self.host(),
            peer: self.peer,
            upgrade,
            message,
            hint: format_args!("{hint}"),
        });
    }

    /// The beginning of a header, if it is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(shortened)
    }

    pub(super) fn host(&self) -> Option<&'a str> {
        if let Some(host) = self.forwarded.host.as_deref() {
            return Some(shortened(host));
        }
        let host = host_of(self.uri, self.headers)?;
        std::str::from_utf8(host).ok().map(shortened)
    }

    /// The first value of a parameter of the query.
    fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(found, value)| (found == name).then_some(value))
    }
}

/// What decided that a request is refused, and what to write so that it is not.
pub(super) struct RefusalHint<'a> {
    refusal: Refusal,
    pub(super) request: &'a RefusedRequest<'a>,
}

/// What a Socket.IO client asks for first.
const FIRST_REQUEST: &str = "/socket.io/?EIO=4&transport=polling";

impl fmt::Display for RefusalHint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request;
        match self.refusal {
            Refusal::TransportUnknown => match request.parameter("transport") {
                Some(given) => write!(
                    f,
                    "`transport={}` is none of koio's",
                    shortened(&given).escape_debug()
                ),
                None if is_script(request.uri.path()) => f.write_str(
                    "the files of the browser client are not served here. To serve them: \
                     `.serve_client(\"node_modules/socket.io/client-dist\")`",
                ),
                None => write!(
                    f,
                    "the query names no transport. Is this a Socket.IO client? It begins with {FIRST_REQUEST}"
                ),
            },
            Refusal::TransportOff(kind) => write!(
                f,
                "`transport={kind}` is switched off here. To switch it on: `.config(|config| config.engine.{} = true)`",
                match kind {
                    TransportKind::EventSource => "event_source",
                    kind => kind.as_str(),
                }
            ),
            Refusal::SessionUnknown(Some(sid)) => write!(
                f,
                "there is no session {sid:?}: it has ended, the server was started again, or a balancer without sticky sessions sent the request to another server"
            ),
            Refusal::SessionUnknown(None) => {
                f.write_str("`sid` has not the shape of a session's id")
            }
            Refusal::BadHandshakeMethod => write!(
                f,
                "a session is opened with GET, and this is a {} without `sid`",
                request.method
            ),
            Refusal::Ambiguous(parameter) => write!(
                f,
                "the query has two values of `{parameter}`. Does a proxy or the client's `query` option add one?"
            ),
            Refusal::Jsonp => f.write_str(
                "`j` and `b64` ask for JSONP, for browsers without XMLHttpRequest: koio does not speak it. A parameter `j` of the \
                 application's own must not be a number beside `b64`",
            ),
            Refusal::NoUpgrade => self.missing_upgrade(f),
            Refusal::UpgradedPoll => f.write_str(
                "`transport=polling` with `Upgrade: websocket`: the query and the headers ask for different transports",
            ),
            Refusal::UpgradesOff => f.write_str(
                "`allow_upgrades(false)`: a session stays on the transport that it was opened with",
            ),
            // The id is not shown: it may be the secret of a client all the same.
            Refusal::BadId { bytes, wanted } => write!(
                f,
                "`generate_id` has made an id of {bytes} bytes: one has {wanted}, as the random one, of A to Z, a to z, 0 to 9, \
                 `-` and `_`"
            ),
            Refusal::DuplicateId(sid) => write!(
                f,
                "`generate_id` has made the id {sid:?} of another session: an id is random, and is made once"
            ),
            Refusal::OtherTransport(sid, kind) => write!(
                f,
                "the session {sid:?} has moved to {kind}: a request over polling comes too late"
            ),
            Refusal::WebSocketKey => match request.headers.get(SEC_WEBSOCKET_KEY) {
                Some(key) => write!(
                    f,
                    "`Sec-WebSocket-Key` has {} characters that are not 16 bytes in base64",
                    key.len()
                ),
                None => f.write_str("`Sec-WebSocket-Key` is missing. Does a proxy remove it?"),
            },
            Refusal::WebSocketVersion => match request.header(SEC_WEBSOCKET_VERSION) {
                Some(version) => write!(f, "`Sec-WebSocket-Version` is {version}: koio speaks 13 (RFC 6455)"),
                None => f.write_str("`Sec-WebSocket-Version` is missing: koio speaks 13 (RFC 6455)"),
            },
            Refusal::Forbidden => self.foreign_origin(f),
            Refusal::UnsupportedVersion => match request.parameter("EIO") {
                Some(version) => write!(
                    f,
                    "`EIO={}` is another revision of the protocol. koio speaks EIO=4: clients of Socket.IO 3 and later. Those of Socket.IO 2 \
                     (EIO=3) are let in by `.allow_eio3(true)`",
                    shortened(&version).escape_debug()
                ),
                None => write!(
                    f,
                    "the query has no `EIO`. Is this a Socket.IO client? It begins with {FIRST_REQUEST}"
                ),
            },
            Refusal::MethodNotAllowed => write!(
                f,
                "a session takes GET and POST, and this is a {}",
                request.method
            ),
            Refusal::UpgradeMethod => write!(
                f,
                "a WebSocket is asked for with GET, and this is a {}",
                request.method
            ),
            Refusal::Overlapping(sid) => write!(
                f,
                "a second {} of the session {sid:?} came while one was under way. Do two clients share a session, or does a proxy repeat requests?",
                request.method
            ),
            Refusal::BinaryBody => write!(
                f,
                "a body of `Content-Type: {}`: since EIO=4 a payload is text, with binary messages in base64",
                request.header(CONTENT_TYPE).unwrap_or_default()
            ),
            Refusal::EncodedBody => write!(
                f,
                "a body with `Content-Encoding: {}`: koio inflates nothing, since a kilobyte could become a gigabyte",
                request.header(CONTENT_ENCODING).unwrap_or_default()
            ),
            Refusal::HeadTooLarge { bytes, max } => {
                write!(f, "the head has {bytes} bytes, and may have {max}. ")?;
                let headers = request.headers.iter();
                match headers.max_by_key(|(_, value)| value.len()) {
                    Some((name, value)) => {
                        write!(f, "The longest header is `{name}`, of {} bytes", value.len())
                    }
                    None => f.write_str("It has no headers: the target is that long"),
                }
            }
            Refusal::ShuttingDown => f.write_str("the server is shutting down"),
            Refusal::NoRandomness => {
                f.write_str("the operating system gives no random numbers for a session's id")
            }
            Refusal::Panicked(method) => write!(f, "the function given to `{method}` panicked"),
            Refusal::Limit(LimitReached { limit, .. }) => write!(
                f,
                "a flood, or more clients than the limit allows: `.config(|config| config.engine.{limit} = ..)`"
            ),
        }
    }
}

/// Whether a path is that of a file of the browser client, or of its like: no session is asked for so.
pub(super) fn is_script(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, Some("js" | "mjs" | "map"))
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
