//! [`EngineService`]: HTTP requests, from `hyper` or any `tower` server, to sessions.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONNECTION,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    },
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tracing::debug;

use super::{
    Body, HttpStream, Origins,
    connection::HttpConnection,
    origin,
    origin::OriginVerdict,
    refusal::{Refusal, RefusedRequest},
    request::{self, RequestIntent, RequestUpgrade},
    responding::{PendingResponse, Responding},
    response,
};
use crate::{
    engine::{Admission, Engine, Opening, PeerAddr, Session, TransportKind, transport::Transport},
    ids::Sid,
    transport::{
        AnyStream,
        lazy_timer::LazyTimer,
        polling::{AnsweredPoll, PendingPoll, PollResponse, PollingTransport, PostRequest},
        tcp::Tcp,
        websocket::WebSocketTransport,
    },
    wire::payload,
};

/// Serves Engine.IO under one path: a tower service that answers 404 to everything else.
///
/// Cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct EngineService {
    pub(crate) engine: Engine,
    /// Without a trailing slash.
    path: Arc<str>,
    pub(crate) origins: Arc<Origins>,
}

impl EngineService {
    /// Serves `engine` under `path` (`/socket.io`, and all paths below it) to the pages of `origins`.
    #[must_use]
    pub fn new(engine: Engine, path: &str, origins: Origins) -> Self {
        Self {
            engine,
            path: path.trim_end_matches('/').into(),
            origins: Arc::new(origins),
        }
    }

    /// Whether a request for this path is the engine's: its own path, or one below it.
    #[must_use]
    pub fn is_mine(&self, path: &str) -> bool {
        path.strip_prefix(&*self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Says in the log that a client of Engine.IO asked for a path that is not the engine's. What another service answers it
    /// with tells nobody why.
    pub(crate) fn note_missed(&self, uri: &Uri) {
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

    /// The query of a request target, if its path is the engine's.
    pub(crate) fn query_of<'a>(&self, target: &'a [u8]) -> Option<&'a [u8]> {
        let rest = target.strip_prefix(self.path.as_bytes())?;
        let path = rest.iter().position(|byte| *byte == b'?')?;
        let (path, query) = rest.split_at_checked(path)?;
        (path.is_empty() || path.starts_with(b"/")).then_some(query.get(1..)?)
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
        let (response, allow_origin) = self.begin(request, None);
        Responding {
            response,
            allow_origin,
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
        let (response, allow_origin) = self.begin(request, Some(connection));
        Responding {
            response,
            allow_origin,
            connection: Some(Arc::clone(connection)),
        }
    }

    /// Does everything that needs no waiting. Also returns the listed origin whose pages may read the response.
    fn begin<B>(
        &self,
        mut request: Request<B>,
        connection: Option<&Arc<HttpConnection>>,
    ) -> (PendingResponse, Option<HeaderValue>)
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let upgrade = request::upgrade_of(request.method(), request.version(), request.headers());
        let peer = connection.and_then(|connection| connection.peer);
        let allow_origin = match self.origins.judge(request.uri(), request.headers()) {
            OriginVerdict::Same => None,
            OriginVerdict::Listed(origin) => Some(origin),
            OriginVerdict::Foreign => {
                let refused = self.refuse(Refusal::Forbidden, upgrade, &request, peer);
                return (PendingResponse::Done(refused), None);
            }
        };
        if allow_origin.is_some()
            && request.method() == Method::OPTIONS
            && request
                .headers()
                .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return (
                PendingResponse::Done(preflight(request.headers())),
                allow_origin,
            );
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let config = self.engine.config();
        let intent = request::judge(request.method(), query, upgrade, config);
        let intent = intent.and_then(|intent| {
            if let (RequestIntent::Open(_), Some(connection)) = (&intent, connection) {
                let taken = connection.take_handshake(config.handshakes_per_second);
                taken.map_err(Refusal::Limit)?;
            }
            Ok(intent)
        });
        let response = match intent {
            Ok(RequestIntent::Open(TransportKind::Polling)) => {
                PendingResponse::Done(self.open_polling(&request, peer))
            }
            Ok(RequestIntent::Open(_)) => {
                PendingResponse::Done(self.open_websocket(&mut request, upgrade, peer, None))
            }
            Ok(RequestIntent::Session(sid, _)) => self.session(sid, upgrade, request, connection),
            Err(refusal) => PendingResponse::Done(self.refuse(refusal, upgrade, &request, peer)),
        };
        (response, allow_origin)
    }

    fn refuse<B>(
        &self,
        refusal: Refusal,
        upgrade: RequestUpgrade,
        request: &Request<B>,
        peer: Option<SocketAddr>,
    ) -> Response<Body> {
        let peer = peer_of(request, peer);
        let refused = RefusedRequest::new(request, peer);
        refused.notify(refusal, upgrade.is_websocket(), self.engine.observers());
        if refusal == Refusal::UpgradeMethod {
            return response::bare(refusal.status());
        }
        let mut response = if upgrade.is_websocket() {
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

    fn open_polling<B>(&self, request: &Request<B>, peer: Option<SocketAddr>) -> Response<Body> {
        let opening = opening(request, peer, TransportKind::Polling);
        match self
            .engine
            .open(opening, Box::<PollingTransport>::default())
        {
            Ok(handshake) => PollResponse::Payload(payload::encode([handshake])).into(),
            Err(why) => self.refuse(why.into(), RequestUpgrade::None, request, peer),
        }
    }

    fn session<B>(
        &self,
        sid: Sid,
        upgrade: RequestUpgrade,
        mut request: Request<B>,
        connection: Option<&Arc<HttpConnection>>,
    ) -> PendingResponse
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let peer = connection.and_then(|connection| connection.peer);
        let refuse = |refusal, request: &Request<B>| {
            PendingResponse::Done(self.refuse(refusal, upgrade, request, peer))
        };
        let Some(session) = self.engine.get(&sid) else {
            return refuse(Refusal::SessionUnknown(Some(sid)), &request);
        };
        if upgrade.is_websocket() {
            let response = self.open_websocket(&mut request, upgrade, peer, Some(sid));
            return PendingResponse::Done(response);
        }
        let transport = session.transport();
        if transport != TransportKind::Polling {
            return refuse(Refusal::OtherTransport(sid, transport), &request);
        }
        if let Some(connection) = connection {
            connection.last_session.set(&session);
        }
        match *request.method() {
            Method::GET => match self.poll(session, connection) {
                Ok((poll, answered)) => PendingResponse::Poll {
                    poll,
                    answered: Some(answered),
                    engine: self.engine.clone(),
                    look: LazyTimer::default(),
                },
                Err(refusal) => refuse(refusal, &request),
            },
            Method::POST => match PostRequest::reserve(&session, &request) {
                Ok(arriving) => {
                    let post = PostRequest::new(session, request, arriving);
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
        connection: Option<&Arc<HttpConnection>>,
    ) -> Result<(PendingPoll, AnsweredPoll), Refusal> {
        let in_order = connection.is_some_and(|connection| connection.is_answering(&session));
        PendingPoll::poll(session, self.engine.observers(), in_order)
    }

    /// Answers 101, or 200 on a stream of HTTP/2, and spawns [`connect`] to wait for the upgraded connection. `sid`: the session
    /// that upgrades; a new one opens without it.
    fn open_websocket<B>(
        &self,
        request: &mut Request<B>,
        upgrade: RequestUpgrade,
        peer: Option<SocketAddr>,
        sid: Option<Sid>,
    ) -> Response<Body> {
        let accepted = if upgrade == RequestUpgrade::WebSocketStream {
            let mut response = Response::new(Body::empty());
            echo_protocol(request.headers(), response.headers_mut());
            Ok(response)
        } else {
            switching_protocols(request)
        };
        let response = match accepted {
            Ok(response) => response,
            Err(refusal) => return self.refuse(refusal, upgrade, request, peer),
        };
        let session = match sid {
            Some(sid) => WebSocketFor::Existing(sid),
            None => {
                let opening = opening(request, peer, TransportKind::WebSocket);
                match self.engine.admit(&opening) {
                    Ok(admission) => WebSocketFor::New(Box::new((admission, opening))),
                    Err(why) => return self.refuse(why.into(), upgrade, request, peer),
                }
            }
        };
        let upgrading = hyper::upgrade::on(&mut *request);
        tokio::spawn(connect(self.engine.clone(), upgrading, session));
        response
    }
}

/// The session that gets a WebSocket.
enum WebSocketFor {
    New(Box<(Admission, Opening)>),
    /// It upgrades from polling.
    Existing(Sid),
}

/// Waits for the connection behind a 101 and gives it to a session. The task ends then, so nothing of the HTTP request
/// outlives the upgrade.
async fn connect(engine: Engine, upgrading: OnUpgrade, session: WebSocketFor) {
    let connection = match upgrading.await {
        Ok(connection) => connection,
        Err(error) => {
            debug!(%error, "websocket upgrade did not complete");
            return;
        }
    };
    let websocket = websocket(connection, &engine);
    match session {
        WebSocketFor::New(new) => {
            let (admission, opening) = *new;
            // Refused only while shutting down. The client sees the connection close, and reconnects.
            let _ = engine.open_admitted(admission, opening, websocket);
        }
        WebSocketFor::Existing(sid) => {
            if let Some(session) = engine.get(&sid) {
                let _ = session.probe(websocket);
            }
        }
    }
}

/// Finds the TCP connection within hyper's, to read and write the socket itself. Emitters can write to a bare TCP
/// connection without waking the session's task.
fn websocket(connection: Upgraded, engine: &Engine) -> Box<dyn Transport> {
    let config = engine.config();
    let taken = match connection.downcast::<TokioIo<HttpStream>>() {
        Ok(parts) => {
            let (unread, stream) = parts.io.into_inner().into_parts();
            let mut all = BytesMut::from(parts.read_buf);
            all.extend_from_slice(&unread);
            let unread = all.freeze();
            match stream {
                AnyStream::Tcp(tcp) => Ok((tcp, unread)),
                AnyStream::Other(stream) => {
                    return Box::new(WebSocketTransport::new(stream, &unread, config));
                }
            }
        }
        // The connection of a server on hyper-util, such as axum's; then that of hyper's own server.
        Err(connection) => match auto::upgrade::downcast::<TokioIo<TcpStream>>(connection) {
            Ok(parts) => Ok((Tcp::from(parts.io.into_inner()), parts.read_buf)),
            Err(connection) => connection
                .downcast::<TokioIo<TcpStream>>()
                .map(|parts| (Tcp::from(parts.io.into_inner()), parts.read_buf)),
        },
    };
    match taken {
        Ok((tcp, unread)) => Box::new(WebSocketTransport::new(tcp, &unread, config)),
        // TLS, or another stream type.
        Err(connection) => Box::new(WebSocketTransport::new(
            TokioIo::new(connection),
            &Bytes::new(),
            config,
        )),
    }
}

/// The response to the handshake of a WebSocket (RFC 6455 section 4.2).
fn switching_protocols<B>(request: &Request<B>) -> Result<Response<Body>, Refusal> {
    if request.method() != Method::GET {
        return Err(Refusal::UpgradeMethod);
    }
    let version = request.headers().get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(Refusal::WebSocketVersion);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    if key.is_none_or(|key| !request::is_good_key(key.as_bytes())) {
        return Err(Refusal::WebSocketKey);
    }
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    let mut response =
        create_response_with_body(&head, Body::empty).map_err(|_| Refusal::NoUpgrade)?;
    echo_protocol(request.headers(), response.headers_mut());
    Ok(response)
}

/// Echoes the first subprotocol that the client offers: some clients hang up without an answer.
fn echo_protocol(request: &HeaderMap, response: &mut HeaderMap) {
    let offered = request
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|offered| offered.to_str().ok()?.split(',').next())
        .and_then(|first| HeaderValue::from_str(first.trim()).ok());
    if let Some(offered) = offered {
        response.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
}

fn opening<B>(request: &Request<B>, peer: Option<SocketAddr>, transport: TransportKind) -> Opening {
    let remote = peer_of(request, peer);
    Opening::new(request.headers(), request.uri(), remote, transport)
}

/// The address that a request came from. `peer`: that of its connection, on koio's own listener.
fn peer_of<B>(request: &Request<B>, peer: Option<SocketAddr>) -> Option<SocketAddr> {
    let extension = || request.extensions().get::<PeerAddr>().map(|peer| peer.0);
    peer.or_else(extension)
}

fn preflight(headers: &HeaderMap) -> Response<Body> {
    let mut response = response::bare(StatusCode::NO_CONTENT);
    let requested = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    origin::allow_preflight(response.headers_mut(), requested);
    response
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
        if !self.is_mine(request.uri().path()) {
            self.note_missed(request.uri());
            return Box::pin(std::future::ready(Ok(response::bare(
                StatusCode::NOT_FOUND,
            ))));
        }
        let response = self.respond(request);
        Box::pin(async move { Ok(response.await) })
    }
}
