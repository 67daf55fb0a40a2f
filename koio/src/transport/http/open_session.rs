//! Handshakes: from a request that may open a session to its answer, at once or when the program has allowed it.

use std::net::SocketAddr;

use http::{
    Request, Response, Version,
    header::{CONNECTION, SET_COOKIE},
};
use hyper::upgrade::OnUpgrade;

use super::{
    Body, OpeningRequest, Rejection,
    own_headers::add_own_headers,
    proxies::ForwardedRequest,
    refusal::{Refusal, RefusedRequest},
    request::RequestUpgrade,
    responding::PendingResponse,
    response,
    service::{EngineService, RequestFrom},
    stream_requests,
    websocket_upgrade::{WebSocketFor, agree, connect, echo_protocol, switching_protocols},
};
use crate::{
    engine::{Admission, NotOpened, Opening, TransportKind},
    ids::Sid,
    transport::{
        lazy_timer::LazyTimer,
        polling::{PollResponse, PollingTransport},
    },
    wire::Revision,
};

/// A handshake that has a place among the sessions. It counts from here on, also while the program decides.
struct AdmittedHandshake {
    admission: Admission,
    opening: Opening,
    /// That of a WebSocket: the answer, and the connection behind it.
    upgrade: Option<(Response<Body>, OnUpgrade)>,
}

/// Who asks, while the program decides.
struct AskedRequest {
    upgrade: RequestUpgrade,
    client: Option<SocketAddr>,
    forwarded: ForwardedRequest,
}

impl EngineService {
    /// Answers a handshake.
    pub(super) fn open<B>(
        &self,
        mut request: Request<B>,
        from: RequestFrom<'_>,
        transport: TransportKind,
        revision: Revision,
    ) -> PendingResponse {
        let admitted = match self.admit(&mut request, from, transport, revision) {
            Ok(admitted) => admitted,
            Err(refusal) => return PendingResponse::Done(self.refuse(refusal, from, &request)),
        };
        if self.rules.allow_request.is_none() {
            return PendingResponse::Done(self.open_admitted(&mut request, from, admitted));
        }
        let (service, request) = (self.clone(), request.map(drop));
        let asked = AskedRequest {
            upgrade: from.upgrade,
            client: from.client,
            forwarded: from.forwarded.clone(),
        };
        let opening = service.open_if_allowed(request, asked, admitted);
        PendingResponse::Opening {
            opening: Box::pin(opening),
            look: LazyTimer::default(),
        }
    }

    /// Everything that koio itself demands of a handshake.
    fn admit<B>(
        &self,
        request: &mut Request<B>,
        from: RequestFrom<'_>,
        transport: TransportKind,
        revision: Revision,
    ) -> Result<AdmittedHandshake, Refusal> {
        let switching = match transport {
            TransportKind::WebSocket => Some(switch_protocols(request, from.upgrade)?),
            _ => None,
        };
        let opening = Opening::new(request.headers(), request.uri(), from.client, transport)
            .of_revision(revision)
            .over_tls(from.is_secure)
            .with_extensions(self.rules.kept(request.extensions()));
        let sid = self.rules.new_id(request, revision)?;
        let admission = self.engine.admit_as(&opening, sid)?;
        Ok(AdmittedHandshake {
            admission,
            opening,
            upgrade: switching.map(|response| (response, hyper::upgrade::on(request))),
        })
    }

    /// Asks the program, which may take its time.
    async fn open_if_allowed(
        self,
        request: Request<()>,
        asked: AskedRequest,
        mut admitted: AdmittedHandshake,
    ) -> Response<Body> {
        let transport = admitted.opening.transport;
        let (parts, ()) = request.into_parts();
        let verdict = match &self.rules.allow_request {
            Some(allow) => {
                let request = OpeningRequest::new(parts.clone(), asked.client, transport);
                allow.verdict(request).await
            }
            None => Ok(http::Extensions::new()),
        };
        let mut request = Request::from_parts(parts, ());
        let from = RequestFrom {
            upgrade: asked.upgrade,
            client: asked.client,
            is_secure: admitted.opening.secure,
            forwarded: &asked.forwarded,
        };
        match verdict {
            Ok(kept) => {
                admitted.opening = admitted.opening.with_extensions(kept);
                self.open_admitted(&mut request, from, admitted)
            }
            Err(rejection) => self.reject(&rejection, from, &request),
        }
    }

    /// Opens the session. A WebSocket's is opened when its connection is there, by a task that waits for it.
    fn open_admitted<B>(
        &self,
        request: &mut Request<B>,
        from: RequestFrom<'_>,
        admitted: AdmittedHandshake,
    ) -> Response<Body> {
        let AdmittedHandshake {
            admission,
            opening,
            upgrade,
        } = admitted;
        let own_headers = match self.rules.headers_of_handshake(request) {
            Ok(headers) => headers,
            Err(refusal) => return self.refuse(refusal, from, request),
        };
        let mut response = if let Some((mut response, upgrading)) = upgrade {
            if self.engine.is_refusing() {
                return self.refuse(Refusal::ShuttingDown, from, request);
            }
            let session = WebSocketFor::New(Box::new((admission, opening)));
            let agreed = agree(request.headers(), response.headers_mut(), &self.engine);
            tokio::spawn(connect(self.engine.clone(), upgrading, agreed, session));
            response
        } else {
            let sid = admission.sid();
            let opened = match opening.transport {
                TransportKind::EventSource => {
                    stream_requests::open(&self.engine, admission, opening)
                }
                _ => self.open_polling(admission, opening),
            };
            let mut response = match opened {
                Ok(response) => response,
                Err(why) => return self.refuse(why.into(), from, request),
            };
            let cookie = self.rules.cookie.as_ref();
            if let Some(cookie) = cookie.and_then(|cookie| cookie.header(&sid)) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        };
        add_own_headers(&own_headers, response.headers_mut());
        response
    }

    fn open_polling(
        &self,
        admission: Admission,
        opening: Opening,
    ) -> Result<Response<Body>, NotOpened> {
        let revision = opening.revision;
        let transport = Box::new(PollingTransport::of_revision(revision));
        let handshake = self.engine.open_admitted(admission, opening, transport)?;
        Ok(PollResponse::handshake(handshake, revision).into())
    }

    /// Answers a request by which a session moves to WebSocket.
    pub(super) fn upgrade<B>(
        &self,
        request: &mut Request<B>,
        from: RequestFrom<'_>,
        sid: Sid,
    ) -> Response<Body> {
        let mut response = match switch_protocols(request, from.upgrade) {
            Ok(response) => response,
            Err(refusal) => return self.refuse(refusal, from, request),
        };
        let upgrading = hyper::upgrade::on(&mut *request);
        let session = WebSocketFor::Existing(sid);
        let agreed = agree(request.headers(), response.headers_mut(), &self.engine);
        tokio::spawn(connect(self.engine.clone(), upgrading, agreed, session));
        response
    }

    /// Refuses a handshake by the program's word.
    fn reject<B>(
        &self,
        rejection: &Rejection,
        from: RequestFrom<'_>,
        request: &Request<B>,
    ) -> Response<Body> {
        let refused = RefusedRequest::new(request, from.client, from.forwarded);
        let is_websocket = from.upgrade.is_websocket();
        refused.notify_rejected(rejection, is_websocket, self.engine.observers());
        let mut response = response::rejected(rejection, is_websocket);
        add_own_headers(rejection.headers(), response.headers_mut());
        if request.version() == Version::HTTP_2 {
            response.headers_mut().remove(CONNECTION);
        }
        response
    }
}

/// The answer that makes a WebSocket of a connection: 101, or 200 on a stream of HTTP/2.
fn switch_protocols<B>(
    request: &Request<B>,
    upgrade: RequestUpgrade,
) -> Result<Response<Body>, Refusal> {
    if upgrade != RequestUpgrade::WebSocketStream {
        return switching_protocols(request);
    }
    let mut response = Response::new(Body::empty());
    echo_protocol(request.headers(), response.headers_mut());
    Ok(response)
}
