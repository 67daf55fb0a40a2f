//! The response to a request, and what is looked at until it is ready.

use std::{
    fmt,
    future::Future,
    mem::take,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Response};

use super::{
    Body, answer_body::AnswerBody, compression::AnswerCoding, connection::HttpConnection, origin,
    own_headers::add_own_headers, response,
};
use crate::{
    engine::Engine,
    time::now,
    transport::{
        lazy_timer::LazyTimer,
        polling::{AnsweredPoll, PendingPoll, PollResponse},
    },
};

/// How often a waiting poll looks whether its client has hung up. hyper notices that at once, unless bytes have come behind
/// the request: then it does not read on.
const LOOK_FOR_HANG_UP: Duration = Duration::from_secs(2);

/// The response to a request, when it is ready; see [`EngineService::respond`](super::EngineService::respond).
#[must_use = "the session ends if the response is dropped"]
pub struct Responding {
    pub(super) response: PendingResponse,
    pub(super) headers: AddedHeaders,
    /// The connection, if it is koio's own.
    pub(super) connection: Option<Arc<HttpConnection>>,
}

/// Headers that do not depend on the response.
#[derive(Default)]
pub(super) struct AddedHeaders {
    /// The listed origin whose pages may read the response.
    pub(super) allow_origin: Option<HeaderValue>,
    /// Those of a program that has a say in them.
    pub(super) others: Option<Box<HeaderMap>>,
}

impl AddedHeaders {
    fn add_to(&mut self, headers: &mut HeaderMap) {
        if let Some(origin) = self.allow_origin.take() {
            origin::allow_in(headers, origin);
        }
        if let Some(others) = self.others.take() {
            add_own_headers(&others, headers);
        }
    }
}

/// A response, or the future that makes it.
pub(super) enum PendingResponse {
    Done(Response<Body>),
    Poll {
        poll: PendingPoll,
        answered: Option<AnsweredPoll>,
        /// How the answer may be compressed.
        coding: Option<AnswerCoding>,
        engine: Engine,
        look: LazyTimer,
    },
    Post(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    /// A handshake that the program decides about.
    Opening {
        opening: Pin<Box<dyn Future<Output = Response<Body>> + Send>>,
        look: LazyTimer,
    },
}

/// Ready when the client has hung up behind a request that waits.
fn poll_hang_up(
    connection: &HttpConnection,
    look: &mut LazyTimer,
    cx: &mut Context<'_>,
) -> Poll<()> {
    while let Some(next) = now().checked_add(LOOK_FOR_HANG_UP) {
        if connection.has_hung_up() {
            return Poll::Ready(());
        }
        ready!(look.poll(cx, next));
    }
    Poll::Pending
}

impl Responding {
    /// The client has gone.
    fn give_up(&mut self) -> Response<Body> {
        self.response = PendingResponse::Done(Response::default());
        Response::from(PollResponse::Refused)
    }
}

impl Future for Responding {
    type Output = Response<Body>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        let this = self.get_mut();
        let mut response = match &mut this.response {
            PendingResponse::Done(response) => take(response),
            PendingResponse::Poll {
                poll,
                answered,
                coding,
                engine,
                look,
            } => {
                let response = match Pin::new(poll).poll(cx) {
                    Poll::Ready(response) => response,
                    Poll::Pending => {
                        let Some(connection) = &this.connection else {
                            return Poll::Pending;
                        };
                        ready!(poll_hang_up(connection, look, cx));
                        // Dropping the poll ends the session.
                        return Poll::Ready(this.give_up());
                    }
                };
                let answered = answered.take().filter(|_| response.may_not_be_lost());
                let (response, coding) = AnswerCoding::apply(*coding, response);
                let is_binary = matches!(response, PollResponse::BinaryPayload(_));
                let mut response = match (response, answered) {
                    (
                        PollResponse::Payload(payload) | PollResponse::BinaryPayload(payload),
                        Some(poll),
                    ) => {
                        let observers = engine.observers().clone();
                        let timeout = engine.config().write_timeout;
                        let connection = this.connection.take();
                        let body = AnswerBody::new(payload, poll, observers, connection, timeout);
                        let body = Body::answer(body);
                        match is_binary {
                            false => response::payload(body),
                            true => response::binary_payload(body),
                        }
                    }
                    (response, _) => response.into(),
                };
                if let Some(coding) = coding {
                    coding.tell(response.headers_mut());
                }
                response
            }
            PendingResponse::Post(post) => ready!(post.as_mut().poll(cx)),
            PendingResponse::Opening { opening, look } => match opening.as_mut().poll(cx) {
                Poll::Ready(response) => response,
                Poll::Pending => {
                    let Some(connection) = &this.connection else {
                        return Poll::Pending;
                    };
                    ready!(poll_hang_up(connection, look, cx));
                    // Dropping the future drops the program's, and gives the session's place back.
                    return Poll::Ready(this.give_up());
                }
            },
        };
        this.headers.add_to(response.headers_mut());
        Poll::Ready(response)
    }
}

impl fmt::Debug for Responding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responding").finish_non_exhaustive()
    }
}
