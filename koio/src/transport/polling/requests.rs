//! The GETs and POSTs of polling clients, as `hyper` hands them over.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, Request, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use tokio::{sync::oneshot, time::timeout_at};
use tracing::debug;

use super::{
    answered::AnsweredPoll,
    inbox::{self, ArrivingBody},
    response::{PendingRequest, PollResponse},
};
use crate::{
    engine::{
        CloseReason, Engine, EngineConfig, Session,
        breach::Breach,
        machine::{Headway, Pace},
    },
    observe::{Observation, Observers},
    time::{PutOff, now},
    transport::http::{Body, refusal::Refusal, response},
    wire::{
        Revision,
        payload::{self, Framing},
    },
};

/// Ends the session if a request is dropped before its answer: the client has gone away, and the packets of the answer or of
/// the body are lost. The server drops a request as soon as it sees the connection closed.
struct AbortGuard(Option<(Session, Observers)>);

impl AbortGuard {
    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for AbortGuard {
    fn drop(&mut self) {
        if let Some((session, observers)) = &self.0 {
            let sid = session.sid();
            observers.notify(&Observation::RequestDropped { sid });
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
    /// `in_order`, `waits`: see [`inbox::poll`].
    pub(crate) fn poll(
        session: Session,
        observers: &Observers,
        in_order: bool,
        waits: bool,
    ) -> Result<(Self, AnsweredPoll), Refusal> {
        let (request, answer) = PendingRequest::with_task();
        let sid = session.sid();
        let number = inbox::poll(&session, observers, in_order, waits, || request)
            .map_err(|_| Refusal::SessionUnknown(Some(sid)))?;
        let answered = AnsweredPoll::new(session.clone(), number);
        let abort = AbortGuard(Some((session, observers.clone())));
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
    arriving: ArrivingBody,
}

impl<B> PostRequest<B>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Reserves the session's one POST. A second POST at once is refused and ends the session, since the order of the two is
    /// lost. So does one whose body must not be read, since its packets are lost.
    pub(crate) fn reserve(
        session: &Session,
        request: &Request<B>,
    ) -> Result<ArrivingBody, Refusal> {
        let reserved = match inbox::begin_post(session) {
            Ok(arriving) => unreadable(request, session.revision()).map_or(Ok(arriving), Err),
            Err(_) => Err(Refusal::Overlapping(session.sid())),
        };
        reserved.inspect_err(|_| session.lost(CloseReason::TransportError))
    }

    pub(crate) fn new(
        session: Session,
        request: Request<B>,
        arriving: ArrivingBody,
        observers: &Observers,
    ) -> Self {
        Self {
            abort: AbortGuard(Some((session.clone(), observers.clone()))),
            session,
            request,
            arriving,
        }
    }

    pub(crate) async fn respond(self, engine: Engine) -> Response<Body> {
        let config = engine.config();
        let Self {
            mut abort,
            session,
            request,
            arriving,
        } = self;
        let framing = Framing::of(session.revision(), is_binary(request.headers()));
        let read = match too_long(&request, config) {
            Some(bad) => Err(bad),
            None => read(request, config, framing, &arriving).await,
        };
        let body = match read {
            Ok(body) => body,
            // Packets of the client are lost.
            Err(bad) => {
                abort.disarm();
                return bad.refuse(&engine, &session);
            }
        };
        drop(arriving);
        let packets = match payload::decode_as(body, framing) {
            Ok(packets) => packets,
            Err(error) => {
                engine.observers().notify(&Observation::ProtocolError {
                    sid: session.sid(),
                    cause: format_args!("undecodable payload: {error}"),
                });
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

/// Why the body of a POST is not taken.
enum BadBody {
    /// The connection failed within it, or it is not framed as HTTP has it.
    Broken,
    /// A limit was exceeded. The answer names it.
    Limit(StatusCode, Breach),
}

impl BadBody {
    fn too_long(breach: Breach) -> Self {
        Self::Limit(StatusCode::PAYLOAD_TOO_LARGE, breach)
    }

    /// Ends the session, and answers the request.
    fn refuse(self, engine: &Engine, session: &Session) -> Response<Body> {
        let response = match self {
            Self::Broken => {
                let status = StatusCode::BAD_REQUEST;
                debug!(sid = ?session.sid(), %status, "polling request refused");
                response::bare(status)
            }
            Self::Limit(status, breach) => {
                breach.notify(session.sid(), engine.observers());
                response::text(status, breach.to_string())
            }
        };
        session.lost(CloseReason::TransportError);
        response
    }
}

/// Why the body of a request must not be read, by its head.
fn unreadable<B>(request: &Request<B>, revision: Revision) -> Option<Refusal> {
    let headers = request.headers();
    // Since revision 4 payloads are text; binary messages come as base64.
    if revision == Revision::Four && is_binary(headers) {
        return Some(Refusal::BinaryBody);
    }
    // Nothing is inflated: a kilobyte could become a gigabyte.
    if headers.contains_key(CONTENT_ENCODING) && !has(headers, &CONTENT_ENCODING, b"identity") {
        return Some(Refusal::EncodedBody);
    }
    None
}

fn has(headers: &HeaderMap, name: &HeaderName, value: &[u8]) -> bool {
    headers
        .get(name)
        .is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(value))
}

/// Whether the body is bytes, and no text.
fn is_binary(headers: &HeaderMap) -> bool {
    has(headers, &CONTENT_TYPE, b"application/octet-stream")
}

/// Whether the head announces a body above the limit.
fn too_long<B>(request: &Request<B>, config: &EngineConfig) -> Option<BadBody> {
    let announced = announced(request.headers());
    (announced > config.max_body()).then(|| BadBody::too_long(body_too_long(announced, config)))
}

/// The length that the head announces; 0 if it announces none.
fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH);
    length
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

fn body_too_long(bytes: u64, config: &EngineConfig) -> Breach {
    Breach::BodyTooLong {
        bytes,
        max: config.max_body(),
        max_payload: config.max_payload as u64,
    }
}

/// Reads a whole body within the limit, for as long as its bytes keep coming.
async fn read<B>(
    request: Request<B>,
    config: &EngineConfig,
    framing: Framing,
    arriving: &ArrivingBody,
) -> Result<Bytes, BadBody>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let expected = announced(request.headers());
    let mut body = pin!(request.into_body());
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut length = 0;
    let mut arrival = Arrival::begin(config, expected);
    loop {
        // Polls the body first: bytes that are there are read before the client is judged.
        let frame = match timeout_at(arrival.until.into(), body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|_| BadBody::Broken)?,
            Ok(None) => break,
            Err(_elapsed) => {
                arrival.judge()?;
                continue;
            }
        };
        let Ok(mut data) = frame.into_data() else {
            // Trailers.
            continue;
        };
        length += data.remaining() as u64;
        if length > config.max_body() {
            return Err(BadBody::too_long(body_too_long(length, config)));
        }
        arrival.reach(length);
        arriving.reach(length);
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
    let body = if joined.is_empty() {
        first
    } else {
        joined.freeze()
    };
    // A packet is shorter than its body, so most bodies need not be looked at.
    if body.len() > config.max_payload {
        let bytes = payload::longest_as(&body, framing) as u64;
        let max = config.max_payload as u64;
        if bytes > max {
            return Err(BadBody::too_long(Breach::TooLong { bytes, max }));
        }
    }
    Ok(body)
}

/// How a body gets on.
struct Arrival {
    pace: Pace,
    headway: Headway,
    expected: u64,
    /// When the client is judged next.
    until: Instant,
    put_off: PutOff,
}

impl Arrival {
    fn begin(config: &EngineConfig, expected: u64) -> Self {
        let pace = config.message_pace();
        let headway = Headway::begin(0, now());
        Self {
            pace,
            headway,
            expected,
            until: headway.deadline(pace),
            put_off: PutOff::default(),
        }
    }

    fn reach(&mut self, bytes: u64) {
        self.headway.reach(bytes, now());
        self.until = self.headway.deadline(self.pace);
        self.put_off = PutOff::default();
    }

    fn judge(&mut self) -> Result<(), BadBody> {
        let now = now();
        if let Some(later) = self.put_off.until(self.until, now) {
            // The server has stood still, and its connection may not have been read since.
            self.headway.restart(now);
            self.until = later;
            return Ok(());
        }
        if let Some(halt) = self.headway.judge(self.pace, now) {
            let breach = Breach::of_message(halt, self.pace, self.expected);
            return Err(BadBody::Limit(StatusCode::REQUEST_TIMEOUT, breach));
        }
        self.until = self.headway.deadline(self.pace);
        Ok(())
    }
}
