//! Paths where clients that speak no Engine.IO get a stream of events.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, Request, Response, header::HeaderName, request::Parts};

use super::{
    Body, OpeningRequest, Rejection, allow_request::AllowRequest, own_headers::add_own_headers,
    proxies::ForwardedRequest, refusal::RefusedRequest, response,
};
use crate::{
    engine::{Engine, Opening, Session, TransportKind, Upstream},
    transport::event_source::{EventStream, FollowerTransport, StreamPipe},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a session gets that follows, given its last event: the layer above adds it to the rooms.
type Join = Box<dyn FnOnce(&Session, Option<&str>) -> Box<dyn Upstream> + Send>;

/// What the program has allowed a request to follow.
pub(crate) struct Followed {
    pub(crate) namespace: Arc<str>,
    /// Whether its events carry their position.
    pub(crate) positioned: bool,
    pub(crate) join: Join,
}

type Prepare = dyn Fn(Extensions) -> Result<Followed, Rejection> + Send + Sync;

/// One path.
#[derive(Clone)]
pub(crate) struct EventSourceRoute {
    pub(crate) path: Arc<str>,
    ask: Arc<AllowRequest>,
    /// Makes something to follow of what the program's function has returned.
    prepare: Arc<Prepare>,
}

impl EventSourceRoute {
    pub(crate) fn new(
        path: &str,
        ask: AllowRequest,
        prepare: impl Fn(Extensions) -> Result<Followed, Rejection> + Send + Sync + 'static,
    ) -> Self {
        Self {
            path: path.into(),
            ask: Arc::new(ask),
            prepare: Arc::new(prepare),
        }
    }

    /// The program's function may take so long.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        if let Some(ask) = Arc::get_mut(&mut self.ask) {
            ask.timeout = timeout;
        }
    }

    /// Answers a GET: asks the program, and begins a stream.
    pub(super) async fn respond(
        self,
        engine: Engine,
        parts: Parts,
        forwarded: ForwardedRequest,
        client: Option<std::net::SocketAddr>,
    ) -> Response<Body> {
        let (kind, request) = (TransportKind::EventSource, Request::from_parts(parts, ()));
        let opening = Opening::new(request.headers(), request.uri(), client, kind);
        let refused = RefusedRequest::new(&request, client, &forwarded);
        let observers = engine.observers();
        // Counted from here on, also while the program decides.
        let admission = match engine.admit(&opening) {
            Ok(admission) => admission,
            Err(why) => {
                refused.notify(why.into(), false, observers);
                return response::refused(why.into());
            }
        };
        let (parts, ()) = request.clone().into_parts();
        let asked = OpeningRequest::new(parts, client, kind);
        let last_event = last_event(&asked);
        let verdict = self.ask.verdict(asked).await;
        let followed = match verdict.and_then(|kept| (self.prepare)(kept)) {
            Ok(followed) => followed,
            Err(rejection) => {
                let rejection = rejection.said_by("event_source");
                refused.notify_rejected(&rejection, false, observers);
                let message = rejection.message().to_owned();
                let mut response = response::text(rejection.status_code(), message);
                add_own_headers(rejection.headers(), response.headers_mut());
                return response;
            }
        };
        let pipe = Arc::<StreamPipe>::default();
        let Followed {
            namespace,
            positioned,
            join,
        } = followed;
        let transport = FollowerTransport::new(Arc::clone(&pipe), namespace, positioned);
        let opened = engine.open_bare(admission, Box::new(transport), |session| {
            join(session, last_event.as_deref())
        });
        match opened {
            Ok(session) => {
                let body = Body::stream(EventStream::new(&pipe, session));
                response::event_stream(body)
            }
            Err(why) => {
                refused.notify(why.into(), false, observers);
                response::refused(why.into())
            }
        }
    }
}

/// The id of the event that a client has seen last: a browser sends it as a header, and who begins again may write it into the
/// query.
fn last_event(request: &OpeningRequest) -> Option<String> {
    let header = request.headers().get(LAST_EVENT_ID);
    let header = header.and_then(|value| value.to_str().ok());
    let last = match header {
        Some(last) => last.to_owned(),
        None => request.query("last_event_id")?,
    };
    (!last.is_empty()).then_some(last)
}

impl fmt::Debug for EventSourceRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSourceRoute")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
