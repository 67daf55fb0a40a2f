//! The responses that the protocol prescribes, byte by byte.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};

use super::{Body, request::Refusal};
use crate::engine::requests::{PollReply, PostReply};

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

/// What a session answers. `transport/direct` writes the same.
#[derive(Debug, Default)]
pub(super) enum Answer {
    /// To a poll.
    Payload(Bytes),
    /// To data that was taken.
    Taken,
    /// To what broke the rules.
    #[default]
    Refused,
}

impl Answer {
    pub(super) fn body(&self) -> Bytes {
        match self {
            Self::Payload(payload) => payload.clone(),
            Self::Taken => Bytes::from_static(b"ok"),
            Self::Refused => Bytes::new(),
        }
    }
}

impl From<Answer> for Response<Body> {
    fn from(answer: Answer) -> Self {
        let content_type = match answer {
            Answer::Payload(_) => "text/plain; charset=UTF-8",
            Answer::Taken => "text/html",
            Answer::Refused => return bare(StatusCode::BAD_REQUEST),
        };
        never_stored(respond(StatusCode::OK, content_type, answer.body()))
    }
}

impl From<PollReply> for Answer {
    fn from(reply: PollReply) -> Self {
        match reply {
            PollReply::Payload(payload) => Self::Payload(payload),
            PollReply::Refused => Self::Refused,
        }
    }
}

impl From<PostReply> for Answer {
    fn from(reply: PostReply) -> Self {
        match reply {
            PostReply::Taken => Self::Taken,
            PostReply::Refused => Self::Refused,
        }
    }
}

/// A status and nothing else.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A refusal of a plain request: the code and its words as JSON.
pub(super) fn refused(refusal: Refusal) -> Response<Body> {
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

/// A refusal of an upgrade. The reference always says 400, with the bare words.
pub(super) fn refused_upgrade(refusal: Refusal) -> Response<Body> {
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
