//! What a server's set-up says about the requests of its clients: which are let in, what is known of them, and what is added to
//! their answers.

use std::{fmt, net::SocketAddr, time::Duration};

use http::{
    Extensions, HeaderMap, HeaderName, Request,
    header::{
        CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SET_COOKIE,
        TRANSFER_ENCODING, UPGRADE, VARY,
    },
    request::Parts,
};

use super::{
    Origins, TrustedProxies,
    allow_request::AllowRequest,
    client_files::ServedFiles,
    compression::{AnswerCoding, HttpCompression},
    origin::OriginVerdict,
    session_cookie::SessionCookie,
};

type OriginPredicate = dyn Fn(&str, &Parts) -> bool + Send + Sync;
type PeerOf = dyn Fn(&Parts) -> Option<SocketAddr> + Send + Sync;
type InitialHeaders = dyn Fn(&Parts, &mut HeaderMap) + Send + Sync;

/// The rules of one server. Those that few use are empty.
#[derive(Default)]
pub(crate) struct RequestRules {
    pub(crate) origins: Origins,
    pub(crate) proxies: TrustedProxies,
    pub(crate) cookie: Option<SessionCookie>,
    /// Lets further pages in.
    pub(crate) origin_predicate: Option<Box<OriginPredicate>>,
    /// The address of the peer, inside another server.
    pub(crate) peer: Option<Box<PeerOf>>,
    pub(crate) initial_headers: Option<Box<InitialHeaders>>,
    pub(crate) client_files: Option<ServedFiles>,
    pub(crate) compression: Option<HttpCompression>,
    /// Decides about each handshake that koio itself lets in.
    pub(crate) allow_request: Option<AllowRequest>,
    /// Each copies the extension of one type.
    kept_extensions: Vec<fn(&Extensions, &mut Extensions)>,
}

/// Headers that say how an answer is read. They are koio's.
fn is_fixed(name: &HeaderName) -> bool {
    [
        CONNECTION,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        SEC_WEBSOCKET_ACCEPT,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
}

/// Adds headers of the program's to an answer.
pub(super) fn add_own_headers(own: &HeaderMap, answer: &mut HeaderMap) {
    let is_list = |name: &HeaderName| *name == SET_COOKIE || *name == VARY;
    for name in own.keys().filter(|name| !is_list(name) && !is_fixed(name)) {
        answer.remove(name);
    }
    for (name, value) in own.iter().filter(|(name, _)| !is_fixed(name)) {
        answer.append(name, value.clone());
    }
}

impl RequestRules {
    pub(crate) fn of(origins: Origins) -> Self {
        Self {
            origins,
            ..Self::default()
        }
    }

    /// Whether a page may connect that the list of origins does not let in. Its answer is readable for it.
    pub(super) fn lets_in(&self, parts: &Parts) -> Option<OriginVerdict> {
        let predicate = self.origin_predicate.as_ref()?;
        let mut origins = parts.headers.get_all(http::header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return None;
        };
        predicate(origin.to_str().ok()?, parts).then(|| self.origins.readable_by(origin.clone()))
    }

    /// The address of the peer, as the server that has the connection passes it on.
    pub(super) fn peer_of(&self, parts: &Parts) -> Option<SocketAddr> {
        let peer = self.peer.as_ref()?;
        peer(parts)
    }

    /// The program's function may take so long.
    pub(crate) fn allow_request_within(&mut self, timeout: Duration) {
        if let Some(allow) = &mut self.allow_request {
            allow.timeout = timeout;
        }
    }

    /// Whether the program has a say in handshakes: in their answers, or whether there is a session at all.
    pub(crate) fn concern_handshakes(&self) -> bool {
        self.initial_headers.is_some() || self.cookie.is_some() || self.allow_request.is_some()
    }

    /// How the answers to a request may be compressed, by the values of its `Accept-Encoding`.
    pub(crate) fn answer_coding<'a, V: Iterator<Item = &'a [u8]>>(
        &self,
        accept_encoding: impl FnOnce() -> V,
    ) -> Option<AnswerCoding> {
        self.compression?.answers_to(accept_encoding())
    }

    /// Adds the program's headers to the answer to a handshake.
    pub(super) fn add_initial_headers(&self, parts: &Parts, answer: &mut HeaderMap) {
        let Some(initial_headers) = &self.initial_headers else {
            return;
        };
        let mut own = HeaderMap::new();
        initial_headers(parts, &mut own);
        add_own_headers(&own, answer);
    }

    /// Keeps the extension of a type for handlers.
    pub(crate) fn keep_extension<T: Clone + Send + Sync + 'static>(&mut self) {
        self.kept_extensions.push(|from, to| {
            if let Some(value) = from.get::<T>() {
                to.insert(value.clone());
            }
        });
    }

    /// The extensions of a session's first request that are kept.
    pub(super) fn kept(&self, extensions: &Extensions) -> Extensions {
        let mut kept = Extensions::new();
        for copy in &self.kept_extensions {
            copy(extensions, &mut kept);
        }
        kept
    }
}

impl fmt::Debug for RequestRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRules")
            .field("origins", &self.origins)
            .field("proxies", &self.proxies)
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}

/// Lends the head of a request to the program's functions.
pub(super) fn with_parts<B, R>(request: &mut Request<B>, with: impl FnOnce(&Parts) -> R) -> R {
    let mut head = Request::new(());
    let swap = |one: &mut Request<()>, other: &mut Request<B>| {
        std::mem::swap(one.method_mut(), other.method_mut());
        std::mem::swap(one.uri_mut(), other.uri_mut());
        std::mem::swap(one.version_mut(), other.version_mut());
        std::mem::swap(one.headers_mut(), other.headers_mut());
        std::mem::swap(one.extensions_mut(), other.extensions_mut());
    };
    swap(&mut head, request);
    let (parts, ()) = head.into_parts();
    let result = with(&parts);
    swap(&mut Request::from_parts(parts, ()), request);
    result
}
