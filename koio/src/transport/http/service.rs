//! [`EngineService`]: HTTP requests, from `hyper` or any `tower` server, to sessions.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        ACCEPT_ENCODING, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONNECTION,
    },
};
use tracing::debug;

use super::{
    Body, Origins,
    connection::HttpConnection,
    event_source_route::EventSourceRoute,
    origin,
    origin::OriginVerdict,
    proxies::ForwardedRequest,
    refusal::{Refusal, RefusedRequest},
    request::{self, RequestIntent, RequestUpgrade},
    request_rules::RequestRules,
    responding::{AddedHeaders, PendingResponse, Responding},
    response, stream_requests,
};
use crate::{
    engine::{Engine, PeerAddr, Session, TransportKind},
    ids::Sid,
    transport::{
        lazy_timer::LazyTimer,
        polling::{AnsweredPoll, PendingPoll, PostRequest},
    },
};

/// Serves Engine.IO under one path: a tower service that answers 404 to everything else.
///
/// Cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct EngineService {
    pub(crate) engine: Engine,
    /// Without a trailing slash.
    path: Arc<str>,
    pub(crate) rules: Arc<RequestRules>,
}

/// Who asks, and for what.
#[derive(Clone, Copy)]
pub(super) struct RequestFrom<'a> {
    pub(super) upgrade: RequestUpgrade,
    /// The client's address, as far as it is known.
    pub(super) client: Option<SocketAddr>,
    /// Whether the client asked over TLS, as far as it is known.
    pub(super) is_secure: bool,
    pub(super) forwarded: &'a ForwardedRequest,
}

/// The first function of the program that has panicked about a request.
struct FailedFunction(Option<Refusal>);

impl FailedFunction {
    /// What a function says; the default if it has panicked, which is noted.
    fn or_default<A: Default>(&mut self, said: Result<A, Refusal>) -> A {
        said.unwrap_or_else(|refusal| {
            self.0.get_or_insert(refusal);
            A::default()
        })
    }
}

impl EngineService {
    /// Serves `engine` under `path` (`/socket.io`, and all paths below it) to the pages of `origins`.
    #[must_use]
    pub fn new(engine: Engine, path: &str, origins: Origins) -> Self {
        Self::with_rules(engine, path, RequestRules::of(origins))
    }

    pub(crate) fn with_rules(engine: Engine, path: &str, rules: RequestRules) -> Self {
        Self {
            engine,
            path: path.trim_end_matches('/').into(),
            rules: Arc::new(rules),
        }
    }

    /// Whether a request for this path is the engine's: its own path, or one below it, or that of an event stream.
    #[must_use]
    pub fn is_mine(&self, path: &str) -> bool {
        self.is_below(path) || self.rules.event_source(path).is_some()
    }

    fn is_below(&self, path: &str) -> bool {
        path.strip_prefix(&*self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// As [`is_mine`](Self::is_mine), and says in the log if a client of Engine.IO asked for another path: what another
    /// service answers it with does not tell the operator why.
    pub(crate) fn claims(&self, uri: &Uri) -> bool {
        let is_mine = self.is_mine(uri.path());
        if !is_mine {
            self.note_missed(uri);
        }
        is_mine
    }

    fn note_missed(&self, uri: &Uri) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let query = uri.query().unwrap_or_default();
        if query.split('&').any(|pair| pair.starts_with("EIO=")) {
            debug!(
                path = uri.path(),
                expected = if self.path.is_empty() {
                    "/"
                } else {
                    &*self.path
                },
                "a client asked for another path than koio's. What is seen here is what is left of it: axum's `nest` and \
                 `nest_service` cut their prefix off. `Io::path` sets the path; `/` takes whatever comes"
            );
        }
    }

    /// Whether the program has a say in the answer to each request.
    pub(crate) fn concerns_each_request(&self) -> bool {
        self.rules.concern_each_request()
    }

    /// The query of a request target, if its path is the engine's, and of no file.
    pub(crate) fn query_of<'a>(&self, target: &'a [u8]) -> Option<&'a [u8]> {
        let rest = target.strip_prefix(self.path.as_bytes())?;
        let path = rest.iter().position(|byte| *byte == b'?')?;
        let (path, query) = rest.split_at_checked(path)?;
        let may_be_file = path.len() > 1 && self.rules.client_files.is_some();
        let is_mine = path.is_empty() || (path.starts_with(b"/") && !may_be_file);
        is_mine.then_some(query.get(1..)?)
    }

    /// Answers one request. A poll is answered when its session has packets to send.
    ///
    /// The session learns of the request before this returns; the future only waits for the response. So a client that
    /// hangs up right behind its request is noticed even if the server drops the future without polling it.
    ///
    /// # Cancel safety
    /// Dropping the future means that the client has gone: its session ends.
    pub fn respond<B>(&self, request: Request<B>) -> Responding
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (response, headers) = self.begin(request, None);
        Responding {
            response,
            headers,
            connection: None,
        }
    }

    /// As [`respond`](Self::respond), for a connection of koio's own listener.
    pub(crate) fn respond_on<B>(
        &self,
        request: Request<B>,
        connection: &Arc<HttpConnection>,
    ) -> Responding
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (response, headers) = self.begin(request, Some(connection));
        Responding {
            response,
            headers,
            connection: Some(Arc::clone(connection)),
        }
    }

    /// Does everything that needs no waiting. Also returns the headers that the response gets, whatever it is.
    fn begin<B>(
        &self,
        mut request: Request<B>,
        connection: Option<&Arc<HttpConnection>>,
    ) -> (PendingResponse, AddedHeaders)
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let upgrade = request::upgrade_of(request.method(), request.version(), request.headers());
        let mut failed = FailedFunction(None);
        let peer = match connection {
            Some(connection) => connection.peer,
            None => failed.or_default(self.peer_of(&mut request)),
        };
        let forwarded = self.rules.proxies.read(peer, request.headers());
        let from = RequestFrom {
            upgrade,
            client: forwarded.client.or(peer),
            is_secure: match (&forwarded.scheme, connection) {
                (Some(scheme), _) => scheme == "https",
                (None, Some(connection)) => connection.is_secure,
                // HTTP/2 has the scheme in each request. In one of HTTP/1 it is the client's own word.
                (None, None) => {
                    let scheme = request.uri().scheme_str();
                    request.version() == Version::HTTP_2 && scheme == Some("https")
                }
            },
            forwarded: &forwarded,
        };
        let origins = &self.rules.origins;
        let mut verdict = origins.judge(request.uri(), request.headers(), &forwarded);
        if verdict == OriginVerdict::Foreign {
            let let_in = failed.or_default(self.rules.lets_in(&mut request));
            verdict = let_in.unwrap_or(verdict);
        }
        let is_foreign = verdict == OriginVerdict::Foreign;
        let mut allow_origin = match verdict {
            OriginVerdict::Listed(origin) => Some(origin),
            OriginVerdict::Same | OriginVerdict::Foreign => None,
        };
        let is_preflight = allow_origin.is_some() && is_preflight(&request);
        let rules = &self.rules;
        let own = failed.or_default(rules.headers_of_each(&mut request));
        let others = rules.added_headers(own, &mut allow_origin, is_preflight);
        let headers = AddedHeaders {
            allow_origin,
            others,
        };
        if let Some(refusal) = failed.0 {
            let refused = self.refuse(refusal, from, &request);
            return (PendingResponse::Done(refused), headers);
        }
        if let Some(file) = self.client_file(&request) {
            // It is no secret, and no page but those that are let in can read it.
            return (PendingResponse::Done(file), headers);
        }
        if is_foreign {
            let refused = self.refuse(Refusal::Forbidden, from, &request);
            return (PendingResponse::Done(refused), headers);
        }
        if is_preflight {
            let answer = self.preflight(request.headers());
            return (PendingResponse::Done(answer), headers);
        }
        if let Some(route) = self.rules.event_source(request.uri().path()) {
            let stream = self.event_stream(route.clone(), from, request, connection);
            return (stream, headers);
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let config = self.engine.config();
        let intent = request::judge(request.method(), query, upgrade, config);
        let intent = intent.and_then(|intent| {
            if matches!(intent, RequestIntent::Open(..)) {
                self.take_handshake(connection)?;
            }
            Ok(intent)
        });
        let response = match intent {
            Ok(RequestIntent::Open(transport, revision)) => {
                self.open(request, from, transport, revision)
            }
            Ok(RequestIntent::Session(sid, kind)) => {
                self.session((sid, kind), true, from, request, connection)
            }
            Ok(RequestIntent::ShortPoll(sid)) => {
                let poll = (sid, TransportKind::Polling);
                self.session(poll, false, from, request, connection)
            }
            Err(refusal) => PendingResponse::Done(self.refuse(refusal, from, &request)),
        };
        (response, headers)
    }

    fn preflight(&self, request: &HeaderMap) -> Response<Body> {
        let mut response = response::bare(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        match &self.rules.cors {
            Some(cors) => cors.allow_preflight(headers, request),
            None => {
                let requested = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
                origin::allow_preflight(headers, requested);
            }
        }
        response
    }

    /// Counts a handshake of a connection of koio's own listener, or refuses it.
    fn take_handshake(&self, connection: Option<&Arc<HttpConnection>>) -> Result<(), Refusal> {
        let most = self.engine.config().handshakes_per_second;
        let taken = connection.map_or(Ok(()), |connection| connection.take_handshake(most));
        taken.map_err(Refusal::Limit)
    }

    /// The answer to a request for an event stream.
    fn event_stream<B>(
        &self,
        route: EventSourceRoute,
        from: RequestFrom<'_>,
        request: Request<B>,
        connection: Option<&Arc<HttpConnection>>,
    ) -> PendingResponse {
        let taken = match *request.method() {
            Method::GET => self.take_handshake(connection),
            _ => Err(Refusal::MethodNotAllowed),
        };
        if let Err(refusal) = taken {
            return PendingResponse::Done(self.refuse(refusal, from, &request));
        }
        let (parts, _) = request.into_parts();
        let forwarded = from.forwarded.clone();
        let opening = route.respond(self.engine.clone(), parts, forwarded, from.client);
        PendingResponse::Opening {
            opening: Box::pin(opening),
            look: LazyTimer::default(),
        }
    }

    /// The answer to a request for a file of the browser client.
    fn client_file<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let files = self.rules.client_files.as_ref()?;
        let below = request.uri().path().strip_prefix(&*self.path)?;
        files.answer(
            request.method(),
            below.strip_prefix('/')?,
            request.headers(),
        )
    }

    pub(super) fn refuse<B>(
        &self,
        refusal: Refusal,
        from: RequestFrom<'_>,
        request: &Request<B>,
    ) -> Response<Body> {
        let refused = RefusedRequest::new(request, from.client, from.forwarded);
        let is_websocket = from.upgrade.is_websocket();
        refused.notify(refusal, is_websocket, self.engine.observers());
        let mut response = if is_websocket {
            response::refused_upgrade(refusal)
        } else {
            response::refused(refusal)
        };
        if request.version() == Version::HTTP_2 {
            // One stream of many: HTTP/2 has no such header.
            response.headers_mut().remove(CONNECTION);
        }
        response
    }

    /// The head of a request, with so many bytes, is longer than it may be.
    pub(crate) fn refuse_head<B>(
        &self,
        request: &Request<B>,
        peer: Option<SocketAddr>,
        (bytes, max): (usize, usize),
    ) {
        let upgrade = request::upgrade_of(request.method(), request.version(), request.headers());
        let forwarded = self.rules.proxies.read(peer, request.headers());
        let client = forwarded.client.or(peer);
        let refused = RefusedRequest::new(request, client, &forwarded);
        let refusal = Refusal::HeadTooLarge { bytes, max };
        refused.notify(refusal, upgrade.is_websocket(), self.engine.observers());
    }

    /// The address of the peer of another server's connection.
    fn peer_of<B>(&self, request: &mut Request<B>) -> Result<Option<SocketAddr>, Refusal> {
        let told = request.extensions().get::<PeerAddr>();
        match told {
            Some(PeerAddr(peer)) => Ok(Some(*peer)),
            None => self.rules.peer_of(request),
        }
    }

    /// Passes a request on to its session. `waits`: a poll for packets, if there are none.
    fn session<B>(
        &self,
        (sid, kind): (Sid, TransportKind),
        waits: bool,
        from: RequestFrom<'_>,
        mut request: Request<B>,
        connection: Option<&Arc<HttpConnection>>,
    ) -> PendingResponse
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let refuse = |refusal, request: &Request<B>| {
            PendingResponse::Done(self.refuse(refusal, from, request))
        };
        let Some(session) = self.engine.get(&sid) else {
            return refuse(Refusal::SessionUnknown(Some(sid)), &request);
        };
        if from.upgrade.is_websocket() {
            if !self.engine.config().allow_upgrades {
                return refuse(Refusal::UpgradesOff, &request);
            }
            let response = self.upgrade(&mut request, from, sid);
            return PendingResponse::Done(response);
        }
        let transport = session.transport();
        if transport != kind {
            return refuse(Refusal::OtherTransport(sid, transport), &request);
        }
        if let Some(connection) = connection {
            connection.last_session.set(&session);
        }
        if kind == TransportKind::EventSource {
            if *request.method() == Method::GET {
                return match stream_requests::go_on(&session, request.uri()) {
                    Ok(response) => PendingResponse::Done(response),
                    Err(refusal) => refuse(refusal, &request),
                };
            }
            stream_requests::note_received(&session, request.uri());
        }
        let accepted = request.headers().get_all(ACCEPT_ENCODING).iter();
        let coding = self
            .rules
            .answer_coding(|| accepted.map(HeaderValue::as_bytes));
        match *request.method() {
            Method::GET => match self.poll(session, waits, connection) {
                Ok((poll, answered)) => PendingResponse::Poll {
                    poll,
                    answered: Some(answered),
                    coding,
                    engine: self.engine.clone(),
                    look: LazyTimer::default(),
                },
                Err(refusal) => refuse(refusal, &request),
            },
            Method::POST => match PostRequest::reserve(&session, &request) {
                Ok(arriving) => {
                    let observers = self.engine.observers();
                    let post = PostRequest::new(session, request, arriving, observers);
                    PendingResponse::Post(Box::pin(post.respond(self.engine.clone())))
                }
                Err(refusal) => refuse(refusal, &request),
            },
            _ => refuse(Refusal::MethodNotAllowed, &request),
        }
    }

    /// Passes a GET to its session.
    fn poll(
        &self,
        session: Session,
        waits: bool,
        connection: Option<&Arc<HttpConnection>>,
    ) -> Result<(PendingPoll, AnsweredPoll), Refusal> {
        let in_order = connection.is_some_and(|connection| connection.is_answering(&session));
        PendingPoll::poll(session, self.engine.observers(), in_order, waits)
    }
}

/// Whether a browser asks if a page may send a request that is not simple.
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl<B> tower::Service<Request<B>> for EngineService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.claims(request.uri()) {
            return Box::pin(std::future::ready(Ok(response::bare(
                StatusCode::NOT_FOUND,
            ))));
        }
        let response = self.respond(request);
        Box::pin(async move { Ok(response.await) })
    }
}
