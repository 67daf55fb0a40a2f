//! What a session's client is connected by, as its task holds it.

use std::task::Context;

use super::read::Received;
use crate::{
    engine::{
        Session, TransportKind,
        requests::{PendingRequest, PollResponse},
        transport::{Transport, TransportLost},
    },
    wire::{Frame, Message, payload::Packets},
};

/// What the session's client is connected by.
pub(crate) enum Link {
    /// In a box: most sessions are over a WebSocketLink, and each would have room for it.
    Polling(Box<Polling>),
    WebSocket(WebSocketLink),
}

/// The HTTP requests that wait for an answer.
#[derive(Default)]
pub(crate) struct Polling {
    pub(super) poll: Option<PendingRequest>,
    pub(super) post: Option<PostUnderWay>,
}

/// A POST whose packets are being taken.
pub(super) struct PostUnderWay {
    pub(super) packets: Packets,
    pub(super) request: PendingRequest,
}

impl PostUnderWay {
    /// The next packet; a message is put into `message`.
    pub(super) fn next(
        &mut self,
        message: &mut Message,
    ) -> Option<Result<Received, TransportLost>> {
        let packet = self.packets.next()?;
        Some(Received::of(packet, message))
    }
}

pub(crate) struct WebSocketLink {
    pub(super) io: Box<dyn Transport>,
    /// Nothing more will come from the client.
    pub(super) read_done: bool,
    pub(super) close_sent: bool,
    /// What came over polling before the upgrade and has not been taken. An honest client has none: it waits for its
    /// posts before it says upgrade.
    pub(super) overtaken: Option<Box<PostUnderWay>>,
}

impl WebSocketLink {
    pub(crate) fn new(io: Box<dyn Transport>) -> Self {
        Self {
            io,
            read_done: false,
            close_sent: false,
            overtaken: None,
        }
    }

    /// WriteBudget what goes at once. The rest goes when the task next writes, if it keeps this connection.
    pub(super) fn write_at_once(&mut self, mut frame: Option<Frame>) {
        let waker = std::task::Waker::noop();
        let _ = self
            .io
            .poll_write(&mut Context::from_waker(waker), &mut frame);
    }

    /// Closes a connection that does not become, or is no more, a way to this session.
    pub(super) fn turn_away(mut self) {
        self.io.close(1000);
        self.write_at_once(None);
    }
}

/// The handshake's transport decides how a task begins.
impl From<Option<Box<dyn Transport>>> for Link {
    fn from(websocket: Option<Box<dyn Transport>>) -> Self {
        match websocket {
            Some(io) => Self::WebSocket(WebSocketLink::new(io)),
            None => Self::Polling(Box::default()),
        }
    }
}

impl Link {
    /// The turn is over.
    pub(super) fn rest(&mut self) {
        if let Self::WebSocket(websocket) = self {
            websocket.io.rest();
        }
    }

    pub(crate) fn transport(&self) -> TransportKind {
        match self {
            Self::Polling(_) => TransportKind::Polling,
            Self::WebSocket(_) => TransportKind::WebSocket,
        }
    }
}

impl Session {
    /// Answers the POST that is under way, if one is.
    pub(super) fn end_post(&self, polling: &mut Polling, taken: bool) {
        if let Some(post) = polling.post.take() {
            self.answer_post(post.request, taken);
        }
    }

    /// Answers a POST, so that the next one may come.
    pub(super) fn answer_post(&self, request: PendingRequest, taken: bool) {
        self.shared().inbox.end_post();
        request.answer(if taken {
            PollResponse::Taken
        } else {
            PollResponse::Refused
        });
    }
}
