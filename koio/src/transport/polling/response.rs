//! The response to a request of a polling client, on its way from the session to the request.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::progress::AnswerProgress;
use crate::wire::{Frame, Revision, payload, revision_3};

/// How a request is answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum PollResponse {
    /// To a GET: 200 with this payload.
    Payload(Bytes),
    /// To a GET of revision 3 of the protocol: 200 with this payload, which is not text.
    BinaryPayload(Bytes),
    /// To a POST: 200 `ok`.
    Taken,
    /// 400: the request broke the rules, or its session is over.
    #[default]
    Refused,
}

impl PollResponse {
    /// To a GET of a client of this revision: these frames. Without a payload if there are none.
    pub(super) fn with_frames(frames: impl IntoIterator<Item = Frame>, revision: Revision) -> Self {
        let Revision::Three { base64 } = revision else {
            return Self::Payload(payload::encode(frames));
        };
        let frames = SmallVec::<[Frame; 2]>::from_iter(frames);
        match revision_3::encode(&frames, base64) {
            (payload, false) => Self::Payload(payload),
            (payload, true) => Self::BinaryPayload(payload),
        }
    }

    /// To a GET that opens a session: the handshake.
    pub(crate) fn handshake(handshake: Frame, revision: Revision) -> Self {
        Self::with_frames([handshake], revision)
    }

    /// The bytes of its payload.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Payload(payload) | Self::BinaryPayload(payload) => payload.len(),
            Self::Taken | Self::Refused => 0,
        }
    }

    /// Whether it holds packets that are lost with it. A noop is missed by no client.
    pub(crate) fn may_not_be_lost(&self) -> bool {
        match self {
            Self::Payload(payload) => !matches!(&**payload, b"6" | b"1:6"),
            Self::BinaryPayload(_) => true,
            Self::Taken | Self::Refused => false,
        }
    }
}

/// Writes responses to a connection at once.
pub(crate) trait Responder: Send + Sync {
    /// Called once for each request. `progress`: told if packets are in the response and the connection has not taken all of
    /// it, before another task can write the rest.
    fn respond(&self, response: PollResponse, progress: Option<&AnswerProgress>);
}

/// A request that has not been answered. Dropping it refuses the request.
pub(crate) struct PendingRequest(Option<ResponseRoute>);

enum ResponseRoute {
    /// A task waits for the response.
    Task(oneshot::Sender<PollResponse>),
    /// The response is written where it is made.
    Connection(Arc<dyn Responder>),
}

impl PendingRequest {
    /// A request whose task waits for the response.
    pub(crate) fn with_task() -> (Self, oneshot::Receiver<PollResponse>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(ResponseRoute::Task(sender))), receiver)
    }

    /// A request whose response is written by `responder`.
    pub(crate) fn with_responder(responder: Arc<dyn Responder>) -> Self {
        Self(Some(ResponseRoute::Connection(responder)))
    }

    pub(crate) fn respond(mut self, response: PollResponse) {
        self.send(response, None);
    }

    /// Answers a poll with packets that were taken from the queue of the session.
    pub(super) fn answer(mut self, response: PollResponse, progress: &AnswerProgress) {
        self.send(response, Some(progress));
    }

    fn send(&mut self, response: PollResponse, progress: Option<&AnswerProgress>) {
        match self.0.take() {
            Some(ResponseRoute::Connection(responder)) => responder.respond(response, progress),
            Some(ResponseRoute::Task(sender)) => {
                // The client may have gone, and the task with it.
                let _ = sender.send(response);
            }
            None => {}
        }
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.send(PollResponse::Refused, None);
    }
}
