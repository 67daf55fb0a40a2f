//! Reading: what HTTP requests ask, and what the client sends, within a turn's budget and while the layer above
//! takes it.

use std::task::{Context, Poll};

use bytes::Buf;
use tracing::{debug, trace};

use super::{
    BIG, SessionTask,
    link::{Link, PostUnderWay, WebSocketLink},
};
use crate::{
    engine::{
        CloseReason,
        machine::{Input, Output},
        requests::{PendingRequest, PollResponse, RequestQueue, SessionRequest},
        transport::TransportLost,
    },
    time::now,
    wire::{DecodeError, EnginePacket, Frame, Message, payload},
};

/// What the client has said.
pub(super) enum Received {
    /// A message, which is where it was asked for.
    Message,
    Packet(EnginePacket),
}

impl Received {
    /// Reads what a WebSocketLink carried.
    fn read(message: &mut Message) -> Result<Self, TransportLost> {
        match message {
            Message::Binary(_) => Ok(Self::Message),
            Message::Text(text) if text.first() == Some(&EnginePacket::MESSAGE) => {
                text.advance(1);
                Ok(Self::Message)
            }
            Message::Text(text) => {
                let packet = EnginePacket::decode(std::mem::take(text));
                Self::of(packet, message)
            }
        }
    }

    /// A message is put into `message`.
    pub(super) fn of(
        packet: Result<EnginePacket, DecodeError>,
        message: &mut Message,
    ) -> Result<Self, TransportLost> {
        match packet {
            Ok(EnginePacket::Message(next)) => {
                *message = next;
                Ok(Self::Message)
            }
            Ok(packet) => Ok(Self::Packet(packet)),
            Err(error) => {
                debug!(%error, "undecodable engine packet");
                Err(TransportLost(CloseReason::ParseError))
            }
        }
    }
}

impl SessionTask {
    /// Takes what HTTP requests and other tasks have asked.
    pub(super) fn requests(&mut self, requests: RequestQueue) {
        for request in requests {
            match request {
                SessionRequest::Poll(request) => self.poll_request(request),
                SessionRequest::Post(packets, request) => {
                    if !self.machine.is_open() {
                        self.session.answer_post(request, true);
                        continue;
                    }
                    match &mut self.link {
                        Link::Polling(polling) => {
                            polling.post = Some(PostUnderWay { packets, request })
                        }
                        Link::WebSocket(_) => {
                            self.session.answer_post(request, false);
                        }
                    }
                }
                SessionRequest::Probe(io) => {
                    let outputs = self.machine.handle(Input::ProbeOpened, now());
                    let offered = WebSocketLink::new(io);
                    let refused = outputs
                        .into_iter()
                        .any(|output| output == Output::DropProbe);
                    if refused {
                        offered.turn_away();
                    } else {
                        self.probe = Some(Box::new(offered));
                    }
                }
                SessionRequest::Lost(reason) => self.input(Input::Lost(reason)),
                SessionRequest::Close { reason, flush } => self.input(if flush {
                    Input::Close(reason)
                } else {
                    Input::Cut(reason)
                }),
            }
        }
    }

    pub(super) fn poll_request(&mut self, request: PendingRequest) {
        let Link::Polling(polling) = &mut self.link else {
            request.answer(PollResponse::Refused);
            return;
        };
        if self.machine.is_gone() {
            request.answer(PollResponse::Refused);
        } else if self.ending.is_some_and(|ending| !ending.flush) {
            let noop = payload::encode([Frame::noop()]);
            request.answer(PollResponse::Payload(noop));
            self.input(Input::Finished);
        } else if polling.poll.is_some() {
            // The first is answered when the session closes.
            request.answer(PollResponse::Refused);
            self.input(Input::Lost(CloseReason::TransportError));
        } else {
            polling.poll = Some(request);
            if self.probe.is_some() {
                self.input(Input::Polled);
            }
        }
    }

    /// Reads what `budget` allows; stops early when the layer above is full.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, budget: &mut usize) {
        let mut writable = true;
        while *budget > 0 && self.machine.is_open() && self.may_read() {
            let mut message = Message::default();
            match self.next(cx, &mut message) {
                None => break,
                // Past the machine: that it is open is all that it could say.
                Some(Ok(Received::Message)) => {
                    *budget = budget.saturating_sub(1 + message.len() / BIG);
                    self.upstream.on_message(message, cx);
                    if writable && self.session.shared().outbox.is_heavy() {
                        // Answers to many or big messages need not pile up until the turn ends.
                        writable = self.write(cx);
                    }
                }
                Some(Ok(Received::Packet(packet))) => {
                    *budget -= 1;
                    self.input(Input::Packet(packet));
                }
                Some(Err(TransportLost(reason))) => self.input(Input::Lost(reason)),
            }
        }
        let before = self.machine.transport();
        self.read_probe(cx);
        if self.machine.transport() != before {
            // Upgraded: what came right behind the `5` is the new transport's, and nobody has asked it yet.
            return self.read(cx, budget);
        }
        self.drain_closing(cx);
    }

    pub(super) fn may_read(&mut self) -> bool {
        let full = self.upstream.is_full();
        let over_limit = self.session.shared().outbox.is_over_limit();
        let may = !full && !over_limit;
        if may != self.reading {
            self.reading = may;
            trace!(sid = ?self.session.sid(), reading = may, "backpressure");
        }
        // Over a WebSocketLink the pong may wait behind what is not read, and a client that fetches nothing runs into
        // the write timeout. Over polling one GET empties the queue: who sends none has only the ping to miss.
        let rests = full || (over_limit && matches!(self.link, Link::WebSocket(_)));
        if rests != self.resting {
            self.resting = rests;
            self.input(Input::Reading(!rests));
        }
        may
    }

    /// The next packet of the client. A message is put into `message`.
    fn next(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Option<Result<Received, TransportLost>> {
        match &mut self.link {
            Link::WebSocket(websocket) => {
                if let Some(post) = &mut websocket.overtaken {
                    let next = post.next(message);
                    if next.is_none()
                        && let Some(post) = websocket.overtaken.take()
                    {
                        self.session.answer_post(post.request, true);
                        return self.next(cx, message);
                    }
                    return next;
                }
                let next = match websocket.io.poll_message(cx, message) {
                    Poll::Ready(Ok(())) => Some(Received::read(message)),
                    Poll::Ready(Err(gone)) => Some(Err(gone)),
                    Poll::Pending => None,
                };
                if matches!(next, Some(Ok(_))) {
                    if self.partial {
                        // That one is complete. The next may have begun behind it, and has a deadline of its own.
                        self.partial = false;
                        self.machine.completed();
                    }
                    return next;
                }
                let partial = websocket.io.is_partial();
                if partial != self.partial {
                    self.partial = partial;
                    if partial {
                        self.input(Input::Partial);
                    } else {
                        self.machine.completed();
                    }
                }
                next
            }
            Link::Polling(polling) => {
                let next = polling.post.as_mut()?.next(message);
                if next.is_none() {
                    self.session.end_post(polling, true);
                }
                next
            }
        }
    }

    fn read_probe(&mut self, cx: &mut Context<'_>) {
        let mut message = Message::default();
        while let Some(probe) = &mut self.probe {
            match probe.io.poll_message(cx, &mut message) {
                Poll::Ready(Ok(())) => match Received::read(&mut message) {
                    Ok(Received::Packet(packet)) => self.input(Input::ProbePacket(packet)),
                    Ok(Received::Message) => {
                        let message = std::mem::take(&mut message);
                        self.input(Input::ProbePacket(EnginePacket::Message(message)));
                    }
                    Err(_) => self.input(Input::ProbeLost),
                },
                Poll::Ready(Err(_)) => self.input(Input::ProbeLost),
                Poll::Pending => {
                    // Finishes a `3probe` that the socket did not take at once.
                    let _ = probe.io.poll_write(cx, &mut None);
                    break;
                }
            }
        }
    }

    /// A closing WebSocketLink is read on, for the client's close frame; what else comes is dropped.
    pub(super) fn drain_closing(&mut self, cx: &mut Context<'_>) {
        if self.ending.is_none() {
            return;
        }
        if let Link::WebSocket(websocket) = &mut self.link {
            let mut dropped = Message::default();
            while !websocket.read_done {
                match websocket.io.poll_message(cx, &mut dropped) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => websocket.read_done = true,
                    Poll::Pending => break,
                }
            }
        }
    }
}
