//! HTTP long-polling (protocol section "HTTP long-polling"): GET fetches what is queued or waits for it, POST
//! brings data.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    Request, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Limited};
use tokio::sync::oneshot;
use tracing::debug;

use super::http::{Body, request::Refusal, response};
use crate::{
    engine::{CloseReason, Engine, EngineConfig, Session, requests::PollResponse},
    wire::payload,
};

/// Ends the session if a request is dropped before its answer: the client has gone away in the middle, and what
/// its answer would have carried, or what its body did carry, is lost. The server drops the request as soon as it
/// sees the connection closed.
struct Abort(Option<Session>);

impl Abort {
    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(session) = &self.0 {
            debug!(sid = ?session.sid(), "polling request closed prematurely");
            session.lost(CloseReason::TransportError);
        }
    }
}

/// A request that the session knows of.
///
/// The session is told when the request arrives and not when its future is first polled: a server that sees the
/// connection end first never polls it, and the session would not learn of either.
pub(super) struct Waiting {
    abort: Abort,
    answer: oneshot::Receiver<PollResponse>,
}

impl Waiting {
    /// A GET.
    pub(super) fn poll(session: Session) -> Result<Self, Refusal> {
        let answer = session.poll().map_err(|_| Refusal::SessionUnknown)?;
        Ok(Self {
            abort: Abort(Some(session)),
            answer,
        })
    }
}

impl Future for Waiting {
    type Output = PollResponse;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PollResponse> {
        let reply = ready!(Pin::new(&mut self.answer).poll(cx));
        self.abort.disarm();
        Poll::Ready(reply.unwrap_or_default())
    }
}

/// A POST that the session knows of, and whose body is still to come.
pub(super) struct Post<B> {
    abort: Abort,
    session: Session,
    request: Request<B>,
}

impl<B> Post<B>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Tells the session, at once for the same reason as with [`Waiting`]. Of two at once the second is refused
    /// and the session ends, since the order is lost.
    pub(super) fn begin(session: Session, request: Request<B>) -> Option<Self> {
        if session.begin_post().is_err() {
            session.lost(CloseReason::TransportError);
            return None;
        }
        Some(Self {
            abort: Abort(Some(session.clone())),
            session,
            request,
        })
    }

    pub(super) async fn respond(self, engine: Engine) -> Response<Body> {
        let config = engine.config();
        let Self {
            mut abort,
            session,
            request,
        } = self;
        if let Some(status) = unreadable(&request, config) {
            return response::bare(status);
        }
        let body = request.into_body();
        let body = match read(body, config.max_payload, config.message_timeout).await {
            Ok(body) => body,
            // A hole in the client's stream: the armed guard ends the session.
            Err(status) => return response::bare(status),
        };
        let packets = match payload::decode(body) {
            Ok(packets) => packets,
            Err(error) => {
                debug!(sid = ?session.sid(), %error, "undecodable payload");
                abort.disarm();
                session.lost(CloseReason::ParseError);
                return response::bare(StatusCode::BAD_REQUEST);
            }
        };
        let Ok(answer) = session.post(packets) else {
            abort.disarm();
            return response::bare(StatusCode::BAD_REQUEST);
        };
        Waiting { abort, answer }.await.into()
    }
}

/// A body that must not be read at all, by its head.
fn unreadable<B>(request: &Request<B>, config: &EngineConfig) -> Option<StatusCode> {
    let headers = request.headers();
    let is = |name, value: &[u8]| {
        headers
            .get(name)
            .is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(value))
    };
    // Since revision 4 payloads are text; binary messages come as base64.
    if is(CONTENT_TYPE, b"application/octet-stream") {
        return Some(StatusCode::BAD_REQUEST);
    }
    // Nothing is inflated: a kilobyte could become a gigabyte.
    if headers.contains_key(CONTENT_ENCODING) && !is(CONTENT_ENCODING, b"identity") {
        return Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > config.max_payload as u64) {
        return Some(StatusCode::PAYLOAD_TOO_LARGE);
    }
    None
}

/// Reads a whole body within the limit and the time.
async fn read<B>(body: B, limit: usize, time: Duration) -> Result<Bytes, StatusCode>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let gather = async {
        let mut body = pin!(Limited::new(body, limit));
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let mut data = match frame {
                Ok(frame) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_trailers) => continue,
                },
                Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                    return Err(StatusCode::PAYLOAD_TOO_LARGE);
                }
                Err(_) => return Err(StatusCode::BAD_REQUEST),
            };
            let data = data.copy_to_bytes(data.remaining());
            // Most bodies come in one piece, which is taken as it is.
            if first.is_empty() {
                first = data;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&data);
            }
        }
        Ok(if rest.is_empty() {
            first
        } else {
            rest.freeze()
        })
    };
    tokio::time::timeout(time, gather)
        .await
        .unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}
