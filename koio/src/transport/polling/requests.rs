//! The GETs and POSTs of polling clients, as `hyper` hands them over.

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

use super::{
    answered::AnsweredPoll,
    inbox,
    response::{PendingRequest, PollResponse},
};
use crate::{
    engine::{CloseReason, Engine, EngineConfig, Session},
    transport::http::{Body, request::Refusal, response},
    wire::payload,
};

/// Ends the session if a request is dropped before its answer: the client has gone away, and the packets of the answer or of
/// the body are lost. The server drops a request as soon as it sees the connection closed.
struct AbortGuard(Option<Session>);

impl AbortGuard {
    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for AbortGuard {
    fn drop(&mut self) {
        if let Some(session) = &self.0 {
            debug!(sid = ?session.sid(), "polling request closed prematurely");
            session.lost(CloseReason::TransportError);
        }
    }
}

/// A GET, or a POST with its body, that its session has not answered.
///
/// The session gets the request when it arrives and not when this future is first polled: a server that sees the connection
/// end first never polls it.
pub(crate) struct PendingPoll {
    abort: AbortGuard,
    answer: oneshot::Receiver<PollResponse>,
}

impl PendingPoll {
    /// Passes a GET to the session. Also returns what is to be known of it once it is answered.
    pub(crate) fn poll(session: Session) -> Result<(Self, AnsweredPoll), Refusal> {
        let (request, answer) = PendingRequest::with_task();
        let number = inbox::poll(&session, || request).map_err(|_| Refusal::SessionUnknown)?;
        let answered = AnsweredPoll::new(session.clone(), number);
        let abort = AbortGuard(Some(session));
        Ok((Self { abort, answer }, answered))
    }
}

impl Future for PendingPoll {
    type Output = PollResponse;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PollResponse> {
        let reply = ready!(Pin::new(&mut self.answer).poll(cx));
        self.abort.disarm();
        Poll::Ready(reply.unwrap_or_default())
    }
}

/// A POST whose body has not been read. Its session takes no other POST.
pub(crate) struct PostRequest<B> {
    abort: AbortGuard,
    session: Session,
    request: Request<B>,
}

impl<B> PostRequest<B>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Reserves the session's one POST. A second POST at once is refused and ends the session, since the order of the two is
    /// lost.
    pub(crate) fn begin(session: Session, request: Request<B>) -> Option<Self> {
        if inbox::begin_post(&session).is_err() {
            session.lost(CloseReason::TransportError);
            return None;
        }
        Some(Self {
            abort: AbortGuard(Some(session.clone())),
            session,
            request,
        })
    }

    pub(crate) async fn respond(self, engine: Engine) -> Response<Body> {
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
            // Packets of the client are lost. The guard ends the session.
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
        let (request, answer) = PendingRequest::with_task();
        if inbox::post(&session, packets, || request).is_err() {
            abort.disarm();
            return response::bare(StatusCode::BAD_REQUEST);
        }
        PendingPoll { abort, answer }.await.into()
    }
}

/// The status of a request whose body must not be read, by its head.
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
        let mut joined = BytesMut::new();
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
            // A body of one piece, as most are, is not copied.
            if first.is_empty() {
                first = data;
            } else {
                if joined.is_empty() {
                    joined.extend_from_slice(&first);
                }
                joined.extend_from_slice(&data);
            }
        }
        Ok(if joined.is_empty() {
            first
        } else {
            joined.freeze()
        })
    };
    tokio::time::timeout(time, gather)
        .await
        .unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}
