//! The responses of the protocol.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION},
};

use super::{Body, Rejection, refusal::Refusal};
use crate::transport::polling::PollResponse;

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The body of the response to a POST whose packets were received.
pub(crate) const TAKEN: &[u8] = b"ok";

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn never_stored(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `transport::http1` writes the same responses.
impl From<PollResponse> for Response<Body> {
    fn from(reply: PollResponse) -> Self {
        match reply {
            PollResponse::Payload(packets) => payload(packets.into()),
            PollResponse::BinaryPayload(packets) => binary_payload(packets.into()),
            PollResponse::Taken => {
                let taken = Bytes::from_static(TAKEN);
                never_stored(respond(StatusCode::OK, "text/html", taken))
            }
            PollResponse::Refused => bare(StatusCode::BAD_REQUEST),
        }
    }
}

/// The response to a GET.
pub(super) fn payload(body: Body) -> Response<Body> {
    never_stored(respond(StatusCode::OK, "text/plain; charset=UTF-8", body))
}

/// The response to a GET, whose payload is not text.
pub(super) fn binary_payload(body: Body) -> Response<Body> {
    never_stored(respond(StatusCode::OK, "application/octet-stream", body))
}

/// The response to a GET for a stream of events. nginx, and proxies that do as it does, hold a body back without
/// `X-Accel-Buffering`.
pub(super) fn event_stream(body: Body) -> Response<Body> {
    let mut response = never_stored(respond(StatusCode::OK, "text/event-stream", body));
    let no = HeaderValue::from_static("no");
    response.headers_mut().insert(ACCEL_BUFFERING, no);
    response
}

/// A response with a text for people.
pub(crate) fn text(status: StatusCode, text: String) -> Response<Body> {
    respond(status, "text/plain; charset=UTF-8", text)
}

/// A response with a status only.
pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Refuses a request: code and message as JSON.
pub(crate) fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = match refusal.code() {
        Some(code) => respond(
            refusal.status(),
            "application/json",
            format!(r#"{{"code":{code},"message":"{}"}}"#, refusal.message()),
        ),
        // Not of the protocol: without a code.
        None if matches!(refusal, Refusal::Limit(_) | Refusal::Panicked(_)) => respond(
            refusal.status(),
            "application/json",
            format!(r#"{{"message":"{}"}}"#, refusal.message()),
        ),
        None => bare(refusal.status()),
    };
    if refusal.status() == StatusCode::SERVICE_UNAVAILABLE {
        retry_and_close(&mut response);
    }
    response
}

/// Refuses an upgrade. The reference implementation sends 400 with the message as text.
pub(crate) fn refused_upgrade(refusal: Refusal) -> Response<Body> {
    if refusal == Refusal::UpgradeMethod {
        return bare(refusal.status());
    }
    let status = if refusal.status().is_server_error() {
        refusal.status()
    } else {
        StatusCode::BAD_REQUEST
    };
    let mut response = respond(status, "text/html", refusal.message().into_owned());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        retry_and_close(&mut response);
    } else {
        close(&mut response);
    }
    if refusal == Refusal::WebSocketVersion {
        // RFC 6455 section 4.4. The status is that of ws, with which the reference refuses.
        let version = HeaderValue::from_static("13");
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, version);
    }
    response
}

/// Refuses a handshake by the program's word: as JSON, or as the text alone over WebSocket.
pub(super) fn rejected(rejection: &Rejection, is_websocket: bool) -> Response<Body> {
    let (status, message) = (rejection.status_code(), rejection.message());
    let mut response = if is_websocket {
        text(status, message.to_owned())
    } else {
        // Escaped: the text is the program's.
        let message = serde_json::Value::from(message);
        let body = match rejection.code() {
            Some(code) => format!(r#"{{"code":{code},"message":{message}}}"#),
            None => format!(r#"{{"message":{message}}}"#),
        };
        respond(status, "application/json", body)
    };
    if is_websocket {
        close(&mut response);
    }
    response
}

fn retry_and_close(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    close(response);
}

fn close(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}
