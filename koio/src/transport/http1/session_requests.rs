//! Plain requests, on their way to a session.

use std::{io, net::SocketAddr, sync::Arc, task::Waker};

use bytes::Bytes;
use http::{HeaderValue, Method, header::SEC_WEBSOCKET_EXTENSIONS};

use super::{
    plain_request::PlainRequest,
    polling_client::{PollingClient, StopSignal, WakeOn},
    repeated_head::{RepeatedHead, RepeatedRequest},
    upgrade::{PendingUpgrade, UpgradedSession},
};
use crate::{
    engine::{EngineConfig, Opening, TransportKind},
    transport::{
        EngineService, HandshakeRate,
        http::{
            forwarded::HeaderLines,
            origin::OriginVerdict,
            request::{self, RequestIntent, RequestUpgrade},
        },
        polling::{self, PendingRequest, PollResponse, PollingTransport},
        tcp::Tcp,
        websocket::negotiate,
    },
    wire::payload::{self, Framing},
};

/// Passes the requests of one connection to their sessions.
pub(super) struct SessionRequests {
    /// The session of the last request, most likely that of the next as well.
    client: Option<PollingClient>,
    service: Arc<EngineService>,
    peer: SocketAddr,
    stop: StopSignal,
    handshakes: HandshakeRate,
}

/// What became of a request.
pub(super) enum AcceptedRequest {
    /// The session writes the response to the connection.
    SessionResponds,
    /// The response, and the listed origin whose pages may read it.
    Response(PollResponse, Option<HeaderValue>),
    /// The connection becomes a WebSocket.
    Upgrade(PendingUpgrade),
}

impl SessionRequests {
    pub(super) fn new(service: Arc<EngineService>, peer: SocketAddr, stop: StopSignal) -> Self {
        Self {
            client: None,
            service,
            peer,
            stop,
            handshakes: HandshakeRate::default(),
        }
    }

    pub(super) fn handshakes(&self) -> HandshakeRate {
        self.handshakes
    }

    /// The client did not take the whole answer to the last request.
    pub(super) fn cut(&self, error: &io::Error) {
        if let Some(client) = &self.client {
            client.cut(&error.to_string());
        }
    }

    /// The connection was reset.
    pub(super) fn reset(&self) {
        if let Some(client) = &self.client {
            client.reset();
        }
    }

    pub(super) fn client(&self) -> Option<&PollingClient> {
        self.client.as_ref()
    }

    pub(super) fn service(&self) -> &EngineService {
        &self.service
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn stop(&self) -> &StopSignal {
        &self.stop
    }

    /// Passes a request on to its session, or opens one. Returns `None` if any check refuses the request: then nothing
    /// has changed, and hyper's answer to it is the right one.
    pub(super) fn accept(
        &mut self,
        request: &PlainRequest<'_>,
        tcp: &Tcp,
        wake: WakeOn,
        waker: &Waker,
    ) -> Option<AcceptedRequest> {
        let query = self.service.query_of(request.target)?;
        let rules = &self.service.rules;
        let forwarded = rules.proxies.read(Some(self.peer), request.headers);
        let verdict = rules
            .origins
            .judge_text(request.origin, request.host, &forwarded);
        let allow_origin = match verdict {
            OriginVerdict::Same => None,
            // Other CORS headers than the ordinary ones are hyper's way alone.
            OriginVerdict::Listed(origin) if rules.cors.is_none() => Some(origin),
            OriginVerdict::Listed(_) | OriginVerdict::Foreign => return None,
        };
        let method = match request.body {
            Some(_) => &Method::POST,
            None => &Method::GET,
        };
        let upgrade = match request.websocket_key {
            Some(_) => RequestUpgrade::WebSocket,
            None => RequestUpgrade::None,
        };
        let config = self.service.engine.config();
        let intent = request::judge(method, query, upgrade, config).ok()?;
        let waits = !matches!(intent, RequestIntent::ShortPoll(_));
        match intent {
            // What the program has a say in is hyper's way alone.
            RequestIntent::Open(..) if rules.concern_handshakes() => None,
            // Streams are hyper's way alone.
            RequestIntent::Open(TransportKind::EventSource, _)
            | RequestIntent::Session(_, TransportKind::EventSource) => None,
            RequestIntent::Open(transport, revision) => {
                let client = forwarded.client.or(Some(self.peer));
                let opening = opening(request, client, transport)
                    .of_revision(revision)
                    .over_tls(forwarded.scheme.as_deref() == Some("https"));
                let mut handshakes = self.handshakes;
                handshakes.take(config.handshakes_per_second).ok()?;
                let opened = match transport {
                    TransportKind::Polling => self.open_polling(opening, allow_origin)?,
                    _ => self.open_websocket(request, opening)?,
                };
                // Behind every refusal: hyper, which answers it, counts the handshake then.
                self.handshakes = handshakes;
                Some(opened)
            }
            RequestIntent::Session(_, TransportKind::WebSocket) if !config.allow_upgrades => None,
            RequestIntent::Session(sid, TransportKind::WebSocket) => {
                let session = self.service.engine.get(&sid)?;
                self.upgrade(request, || Some(UpgradedSession::Existing(session)))
            }
            RequestIntent::Session(sid, _) | RequestIntent::ShortPoll(sid) => {
                let coding = rules.answer_coding(|| request.accept_encoding());
                let client = match self.client.take().filter(|client| client.is(&sid)) {
                    // The second request of this session: a third is likely.
                    Some(mut client) => {
                        let head = RepeatedHead::new(request, waits, allow_origin.clone(), coding);
                        client.repeated_head = head.map(Box::new);
                        client
                    }
                    None => {
                        let session = self.service.engine.get(&sid)?;
                        let observers = self.service.engine.observers().clone();
                        PollingClient::new(session, observers, tcp.writer()?, self.stop.clone())
                    }
                };
                let mut client = client;
                client.last_poll = pass_on(&client, config, request.body, waits, || {
                    client.begin_request(allow_origin.as_ref(), coding, wake, waker)
                })?;
                self.client = Some(client);
                Some(AcceptedRequest::SessionResponds)
            }
        }
    }

    /// The first request of `bytes`, if it has the head of the last one.
    pub(super) fn find_repeated<'b>(&self, bytes: &'b [u8]) -> Option<RepeatedRequest<'b>> {
        self.client.as_ref()?.repeated_head.as_ref()?.read(bytes)
    }

    /// As [`accept`](Self::accept), for a request with the head of the last one.
    pub(super) fn accept_repeated(
        &mut self,
        request: &RepeatedRequest<'_>,
        wake: WakeOn,
        waker: &Waker,
    ) -> Option<AcceptedRequest> {
        let client = self.client.as_mut()?;
        let head = client.repeated_head.as_ref()?;
        let mut waits = head.waits;
        if let Some(target) = request.target {
            let query = self.service.query_of(target)?;
            let config = self.service.engine.config();
            let intent = request::judge(&Method::GET, query, RequestUpgrade::None, config);
            waits = match intent {
                Ok(RequestIntent::Session(sid, TransportKind::Polling)) if client.is(&sid) => true,
                Ok(RequestIntent::ShortPoll(sid)) if client.is(&sid) => false,
                _ => return None,
            };
        }
        let config = self.service.engine.config();
        client.last_poll = pass_on(client, config, request.body, waits, || {
            client.begin_request(head.allow_origin.as_ref(), head.coding, wake, waker)
        })?;
        Some(AcceptedRequest::SessionResponds)
    }

    fn open_polling(
        &self,
        opening: Opening,
        allow_origin: Option<HeaderValue>,
    ) -> Option<AcceptedRequest> {
        let revision = opening.revision;
        let transport = Box::new(PollingTransport::of_revision(revision));
        let handshake = self.service.engine.open(opening, transport).ok()?;
        let response = PollResponse::handshake(handshake, revision);
        Some(AcceptedRequest::Response(response, allow_origin))
    }

    fn open_websocket(
        &self,
        request: &PlainRequest<'_>,
        opening: Opening,
    ) -> Option<AcceptedRequest> {
        self.upgrade(request, || {
            let admission = self.service.engine.admit(&opening).ok()?;
            Some(UpgradedSession::New(Box::new((admission, opening))))
        })
    }

    fn upgrade(
        &self,
        request: &PlainRequest<'_>,
        session: impl FnOnce() -> Option<UpgradedSession>,
    ) -> Option<AcceptedRequest> {
        let key = request.websocket_key?;
        let is_good = request.body.is_none() && request::is_good_key(key);
        if !is_good || self.service.engine.is_refusing() {
            return None;
        }
        let deflate = self.service.engine.config().deflate();
        let agreed = deflate.and_then(|settings| {
            let lines = request.headers.values(SEC_WEBSOCKET_EXTENSIONS.as_str());
            negotiate(lines, settings.window())
        });
        let upgrade = PendingUpgrade::new(key, agreed, session()?);
        Some(AcceptedRequest::Upgrade(upgrade))
    }
}

/// `client`: the address that the session came from.
fn opening(
    request: &PlainRequest<'_>,
    client: Option<SocketAddr>,
    transport: TransportKind,
) -> Opening {
    let headers = request.headers.iter();
    let headers = headers.map(|header| (header.name.as_bytes(), header.value));
    Opening::of_text(request.target, headers, client, transport)
}

/// Passes a poll, which `waits` for packets or does not, or a POST with its body, on to the session. Returns the number of a poll, or `None` if the request is
/// refused.
fn pass_on(
    client: &PollingClient,
    config: &EngineConfig,
    body: Option<&[u8]>,
    waits: bool,
    request: impl FnOnce() -> PendingRequest,
) -> Option<Option<u32>> {
    let session = client.session();
    if session.transport() != TransportKind::Polling {
        return None;
    }
    match body {
        Some(body) => {
            // A packet is shorter than its body, so most bodies need not be looked at.
            // hyper's way alone reads bodies of bytes, so this is text.
            let framing = Framing::of(session.revision(), false);
            let max = config.max_payload;
            if body.len() > max && payload::longest_as(body, framing) > max {
                return None;
            }
            let packets = payload::decode_as(Bytes::copy_from_slice(body), framing).ok()?;
            polling::post_whole(session, packets, request).ok()?;
            Some(None)
        }
        // Not `in_order`: this connection reads no request before the answer to the last one is written.
        None => polling::poll(session, client.observers(), false, waits, request)
            .ok()
            .map(Some),
    }
}
