//! What a server's set-up says about the requests of its clients: which are let in, what is known of them, and what is added to
//! their answers.

use std::{
    fmt,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use http::{Extensions, HeaderMap, HeaderValue, Request, header::ORIGIN, request::Parts};

use super::{
    BadCors, Cors, Origins, TrustedProxies,
    allow_request::AllowRequest,
    client_files::ServedFiles,
    compression::{AnswerCoding, HttpCompression},
    event_source_route::EventSourceRoute,
    origin::OriginVerdict,
    own_headers::add_own_headers,
    refusal::Refusal,
    session_cookie::SessionCookie,
};
use crate::{engine::random_id, ids::Sid, wire::Revision};

type OriginPredicate = dyn Fn(&str, &Parts) -> bool + Send + Sync;
type NewId = dyn Fn(&Parts, &str) -> String + Send + Sync;
type PeerOf = dyn Fn(&Parts) -> Option<SocketAddr> + Send + Sync;
type AddHeaders = dyn Fn(&Parts, &mut HeaderMap) + Send + Sync;

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
    pub(crate) initial_headers: Option<Box<AddHeaders>>,
    /// Adds headers to each answer.
    pub(crate) headers: Option<Box<AddHeaders>>,
    /// Other CORS headers than the ordinary ones.
    pub(crate) cors: Option<Cors>,
    /// Makes the ids of sessions.
    pub(crate) new_id: Option<Box<NewId>>,
    pub(crate) client_files: Option<ServedFiles>,
    pub(crate) event_sources: Vec<EventSourceRoute>,
    pub(crate) compression: Option<HttpCompression>,
    /// Decides about each handshake that koio itself lets in.
    pub(crate) allow_request: Option<AllowRequest>,
    /// Each copies the extension of one type.
    kept_extensions: Vec<fn(&Extensions, &mut Extensions)>,
}

impl RequestRules {
    pub(crate) fn of(origins: Origins) -> Self {
        Self {
            origins,
            ..Self::default()
        }
    }

    /// Whether a page may connect that the list of origins does not let in. Its answer is readable for it.
    pub(super) fn lets_in<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<Option<OriginVerdict>, Refusal> {
        let Some(predicate) = &self.origin_predicate else {
            return Ok(None);
        };
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next().cloned(), origins.next()) else {
            return Ok(None);
        };
        let Ok(text) = origin.to_str() else {
            return Ok(None);
        };
        let lets_in = ask(request, "allow_origin_if", |parts| predicate(text, parts))?;
        Ok(lets_in.then(|| self.origins.readable_by(origin)))
    }

    /// The address of the peer, as the server that has the connection passes it on.
    pub(super) fn peer_of<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<Option<SocketAddr>, Refusal> {
        match &self.peer {
            Some(peer) => ask(request, "peer_address", |parts| peer(parts)),
            None => Ok(None),
        }
    }

    /// The program's function may take so long.
    pub(crate) fn allow_request_within(&mut self, timeout: Duration) {
        if let Some(allow) = &mut self.allow_request {
            allow.timeout = timeout;
        }
        for route in &mut self.event_sources {
            route.set_timeout(timeout);
        }
    }

    /// Says so if an event stream is below the path of the sessions, which takes all that is there.
    pub(crate) fn misplaced_event_source(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        let is_below = |route: &&EventSourceRoute| {
            let rest = route.path.strip_prefix(path);
            !path.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let misplaced = self.event_sources.iter().find(is_below)?;
        Some(format!(
            "the event stream `{}` is below koio's own path, `{path}`",
            misplaced.path
        ))
    }

    /// The event stream at this path.
    pub(crate) fn event_source(&self, path: &str) -> Option<&EventSourceRoute> {
        self.event_sources.iter().find(|route| *route.path == *path)
    }

    /// Whether the program has a say in handshakes: in their answers, in their ids, or whether there is a session at all.
    pub(crate) fn concern_handshakes(&self) -> bool {
        self.initial_headers.is_some()
            || self.cookie.is_some()
            || self.allow_request.is_some()
            || self.new_id.is_some()
    }

    /// Whether the program has a say in the answer to each request.
    pub(super) fn concern_each_request(&self) -> bool {
        self.headers.is_some()
    }

    /// Refuses CORS headers that contradict the other rules.
    pub(crate) fn check_cors(&self) -> Result<(), BadCors> {
        let Some(cors) = &self.cors else {
            return Ok(());
        };
        cors.check(&self.origins, self.origin_predicate.is_some())
    }

    /// The headers that answers to this page have, if it is of another origin, and the program's `own`. Takes the origin if the
    /// ordinary headers are not enough for it.
    pub(super) fn added_headers(
        &self,
        mut own: Option<Box<HeaderMap>>,
        allow_origin: &mut Option<HeaderValue>,
        is_preflight: bool,
    ) -> Option<Box<HeaderMap>> {
        if let (Some(cors), Some(origin)) =
            (&self.cors, allow_origin.take_if(|_| self.cors.is_some()))
        {
            let mut headers = HeaderMap::new();
            cors.allow_in(&mut headers, origin, self.origins.is_any());
            if !is_preflight {
                cors.expose_in(&mut headers);
            }
            if let Some(own) = &own {
                add_own_headers(own, &mut headers);
            }
            own = Some(Box::new(headers));
        }
        own
    }

    /// The headers that the program adds to each answer.
    pub(super) fn headers_of_each<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<Option<Box<HeaderMap>>, Refusal> {
        let Some(add) = &self.headers else {
            return Ok(None);
        };
        let mut own = HeaderMap::new();
        ask(request, "headers", |parts| add(parts, &mut own))?;
        Ok(Some(Box::new(own)))
    }

    /// The id of a new session, if the program makes them.
    pub(super) fn new_id<B>(
        &self,
        request: &mut Request<B>,
        revision: Revision,
    ) -> Result<Option<Sid>, Refusal> {
        let Some(new_id) = &self.new_id else {
            return Ok(None);
        };
        let random = random_id(revision).map_err(|_| Refusal::NoRandomness)?;
        // That of a socket begins with a mark, which is not the program's.
        let is_of_socket = random.socket_id().is_some();
        let (mark, random) = random.expose().split_at(usize::from(is_of_socket));
        let made = ask(request, "generate_id", |parts| new_id(parts, random))?;
        let (bytes, wanted) = (made.len(), random.len());
        let id = Sid::parse(&format!("{mark}{made}")).filter(|_| bytes == wanted);
        id.map(Some).ok_or(Refusal::BadId { bytes, wanted })
    }

    /// How the answers to a request may be compressed, by the values of its `Accept-Encoding`.
    pub(crate) fn answer_coding<'a, V: Iterator<Item = &'a [u8]>>(
        &self,
        accept_encoding: impl FnOnce() -> V,
    ) -> Option<AnswerCoding> {
        self.compression?.answers_to(accept_encoding())
    }

    /// The headers that the program adds to the answer to a handshake.
    pub(super) fn headers_of_handshake<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<HeaderMap, Refusal> {
        let mut own = HeaderMap::new();
        if let Some(add) = &self.initial_headers {
            ask(request, "initial_headers", |parts| add(parts, &mut own))?;
        }
        Ok(own)
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

/// Lends the head of a request to a function of the program: that given to this method of [`Io`](crate::Io). A panic is a refusal.
///
/// Unwind safety: the program's own values may be half-changed, as in a thread that panics; the head is only read.
fn ask<B, A>(
    request: &mut Request<B>,
    method: &'static str,
    function: impl FnOnce(&Parts) -> A,
) -> Result<A, Refusal> {
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
    let answer = catch_unwind(AssertUnwindSafe(|| function(&parts)));
    swap(&mut Request::from_parts(parts, ()), request);
    // The hook of panics has printed what it said, and where.
    answer.map_err(|_| Refusal::Panicked(method))
}
