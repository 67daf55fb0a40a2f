//! The responses of the protocol.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};

use super::{Body, request::Refusal};
use crate::transport::polling::PollResponse;

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
        let (content_type, body) = match reply {
            PollResponse::Payload(payload) => ("text/plain; charset=UTF-8", payload),
            PollResponse::Taken => ("text/html", Bytes::from_static(TAKEN)),
            PollResponse::Refused => return bare(StatusCode::BAD_REQUEST),
        };
        never_stored(respond(StatusCode::OK, content_type, body))
    }
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
        None => bare(refusal.status()),
    };
    if refusal == Refusal::Unavailable {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        close(&mut response);
    }
    response
}

/// Refuses an upgrade. The reference implementation sends 400 with the message as text.
pub(crate) fn refused_upgrade(refusal: Refusal) -> Response<Body> {
    let status = match refusal {
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = respond(status, "text/html", refusal.message());
    close(&mut response);
    response
}

fn close(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}
