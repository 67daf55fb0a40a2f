//! The one task of a session: it feeds the [`Machine`], does what the machine says, and writes.
//!
//! A turn reads what there is (up to a budget), lets the layer above work, and writes everything at the end,
//! so that the answers to a burst of messages leave together. Over polling the turn is woken by HTTP requests;
//! at an upgrade the same task takes over the WebSocket, so no order is ever handed from one task to another.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::Instant,
};

use tokio::{sync::oneshot, task::coop::unconstrained, time::Sleep};
use tracing::{debug, trace};

use super::{
    CloseReason, Session, Transport, Upstream,
    duplex::{Duplex, Gone},
    machine::{Input, Machine, Output},
    outbox::Urgency,
    registry::Registration,
    requests::{PollReply, PostReply, Request},
};
use crate::wire::{EnginePacket, Frame, Message, payload, payload::Packets};

/// Messages that one turn reads before the other tasks of the thread get theirs.
const TURN: usize = 128;
/// Frames that one turn writes: emitters on other threads may queue as fast as the client reads.
const SHARE: usize = 4_096;

/// What the session's client is connected by.
pub(crate) enum Link {
    Polling(Polling),
    WebSocket(WebSocket),
}

/// The HTTP requests that wait for an answer.
#[derive(Default)]
pub(crate) struct Polling {
    poll: Option<oneshot::Sender<PollReply>>,
    post: Option<(Packets, oneshot::Sender<PostReply>)>,
}

pub(crate) struct WebSocket {
    io: Box<dyn Duplex>,
    /// Nothing more will come from the client.
    read_done: bool,
    close_sent: bool,
    written: u64,
}

impl WebSocket {
    pub(crate) fn new(io: Box<dyn Duplex>) -> Self {
        Self {
            io,
            read_done: false,
            close_sent: false,
            written: 0,
        }
    }
}

impl Session {
    /// Answers the POST that is under way, if one is.
    fn end_post(&self, polling: &mut Polling, taken: bool) {
        if let Some((_, reply)) = polling.post.take() {
            self.shared().inbox.end_post();
            let _ = reply.send(if taken {
                PostReply::Taken
            } else {
                PostReply::Refused
            });
        }
    }
}

/// A session's task.
pub(crate) struct SessionTask {
    session: Session,
    machine: Machine,
    upstream: Box<dyn Upstream>,
    upstream_busy: bool,
    link: Link,
    probe: Option<WebSocket>,
    timer: Pin<Box<Sleep>>,
    reading: bool,
    /// The deadlines of what must be read rest, for it is the server that does not read.
    resting: bool,
    partial: bool,
    /// How the end is told to the client: what is queued first, or at once.
    ending: Option<Ending>,
    registration: Option<Registration>,
}

#[derive(Clone, Copy)]
struct Ending {
    reason: CloseReason,
    flush: bool,
}

impl SessionTask {
    pub(crate) fn new(
        session: Session,
        machine: Machine,
        upstream: Box<dyn Upstream>,
        link: Link,
        registration: Registration,
    ) -> Self {
        let first = machine.deadline().unwrap_or_else(Instant::now);
        Self {
            session,
            machine,
            upstream,
            upstream_busy: true,
            link,
            probe: None,
            timer: Box::pin(tokio::time::sleep_until(first.into())),
            reading: true,
            resting: false,
            partial: false,
            ending: None,
            registration: Some(registration),
        }
    }

    fn input(&mut self, input: Input) {
        let outputs = self.machine.handle(input, now());
        for output in outputs {
            self.apply(output);
        }
    }

    fn apply(&mut self, output: Output) {
        match output {
            Output::Deliver(message) => self.upstream.on_message(message),
            Output::Ping => {
                let _ = self.session.reply(&Frame::ping());
            }
            Output::ProbePong => {
                if let Some(probe) = &mut self.probe {
                    // The probe's own bytes: they do not pass the session's queue, whose order belongs to the
                    // transport in use.
                    let mut pong = Some(Frame::pong(b"probe"));
                    let waker = std::task::Waker::noop();
                    let _ = probe
                        .io
                        .poll_write(&mut Context::from_waker(waker), &mut || pong.take());
                }
            }
            Output::ReleasePoll => {
                if let Link::Polling(polling) = &mut self.link
                    && let Some(poll) = polling.poll.take()
                {
                    let frames = self.session.shared().outbox.take_all();
                    let payload = if frames.is_empty() {
                        payload::encode(std::iter::once(&Frame::noop()))
                    } else {
                        payload::encode(frames.iter())
                    };
                    let _ = poll.send(PollReply::Payload(payload));
                }
            }
            Output::Upgrade => self.upgrade(),
            Output::DropProbe => self.drop_probe(),
            Output::Closed { reason, flush } => self.closed(reason, flush),
            Output::Gone => self.gone(),
        }
    }

    fn upgrade(&mut self) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        let old = std::mem::replace(&mut self.link, Link::WebSocket(probe));
        self.session
            .shared()
            .is_websocket
            .store(true, Ordering::Relaxed);
        trace!(sid = ?self.session.sid(), "upgraded to websocket");
        if let Link::Polling(Polling {
            post: Some((packets, reply)),
            ..
        }) = old
        {
            // The client waits for its posts before it says upgrade, so an honest one has none under way. What
            // such a post still holds came before the upgrade and is taken in that order.
            for packet in packets {
                match packet {
                    Ok(packet) if self.machine.is_open() => self.input(Input::Packet(packet)),
                    Ok(_) => break,
                    Err(_) => self.input(Input::Lost(CloseReason::ParseError)),
                }
            }
            self.session.shared().inbox.end_post();
            let _ = reply.send(PostReply::Taken);
        }
    }

    fn drop_probe(&mut self) {
        if let Some(mut probe) = self.probe.take() {
            probe.io.close(1000);
            let waker = std::task::Waker::noop();
            let _ = probe
                .io
                .poll_write(&mut Context::from_waker(waker), &mut || None);
        }
    }

    fn closed(&mut self, reason: CloseReason, flush: bool) {
        debug!(sid = ?self.session.sid(), %reason, transport = %self.machine.transport(), "session closed");
        self.ending = Some(Ending { reason, flush });
        let shared = self.session.shared();
        shared.outbox.close(!flush);
        self.upstream_busy = true;
        self.upstream.on_close(reason);
        match &mut self.link {
            Link::WebSocket(websocket) => {
                if !flush {
                    websocket.close_sent = true;
                    websocket.io.close(close_code(reason));
                }
            }
            Link::Polling(polling) => {
                // The client said goodbye in its post; the poll that it sent beside it may come a moment later,
                // and the post is answered only then: who waits for its answer finds the session gone.
                let farewell = reason == CloseReason::TransportClose && polling.post.is_some();
                if farewell && polling.poll.is_none() {
                    return;
                }
                self.session.end_post(polling, flush || farewell);
                if flush {
                    return;
                }
                if let Some(poll) = polling.poll.take() {
                    let last = if farewell {
                        Frame::noop()
                    } else {
                        Frame::close()
                    };
                    let _ = poll.send(PollReply::Payload(payload::encode([last].iter())));
                }
                self.input(Input::Finished);
            }
        }
    }

    fn gone(&mut self) {
        if let Link::Polling(polling) = &mut self.link {
            self.session.end_post(polling, true);
        }
        self.session.shared().outbox.close(true);
        self.session.shared().inbox.close();
        self.registration = None;
        self.link = Link::Polling(Polling::default());
        self.probe = None;
    }

    /// Takes what HTTP requests and other tasks have asked.
    fn requests(&mut self) {
        for request in self.session.shared().inbox.take() {
            match request {
                Request::Poll(reply) => self.poll_request(reply),
                Request::Post(packets, reply) => {
                    if !self.machine.is_open() {
                        self.session.shared().inbox.end_post();
                        let _ = reply.send(PostReply::Taken);
                        continue;
                    }
                    match &mut self.link {
                        Link::Polling(polling) => polling.post = Some((packets, reply)),
                        Link::WebSocket(_) => {
                            self.session.shared().inbox.end_post();
                            let _ = reply.send(PostReply::Refused);
                        }
                    }
                }
                Request::Probe(io) => {
                    let outputs = self.machine.handle(Input::ProbeOpened, now());
                    let mut offered = WebSocket::new(io);
                    let refused = outputs
                        .into_iter()
                        .any(|output| output == Output::DropProbe);
                    if refused {
                        offered.io.close(1000);
                        let waker = std::task::Waker::noop();
                        let _ = offered
                            .io
                            .poll_write(&mut Context::from_waker(waker), &mut || None);
                    } else {
                        self.probe = Some(offered);
                    }
                }
                Request::Lost(reason) => self.input(Input::Lost(reason)),
                Request::Close { reason, flush } => self.input(if flush {
                    Input::Close(reason)
                } else {
                    Input::Cut(reason)
                }),
            }
        }
    }

    fn poll_request(&mut self, reply: oneshot::Sender<PollReply>) {
        let Link::Polling(polling) = &mut self.link else {
            let _ = reply.send(PollReply::Refused);
            return;
        };
        if self.machine.is_gone() {
            let _ = reply.send(PollReply::Refused);
        } else if self.ending.is_some_and(|ending| !ending.flush) {
            let noop = payload::encode([Frame::noop()].iter());
            let _ = reply.send(PollReply::Payload(noop));
            self.input(Input::Finished);
        } else if polling.poll.is_some() {
            // The first is answered when the session closes.
            let _ = reply.send(PollReply::Refused);
            self.input(Input::Lost(CloseReason::TransportError));
        } else {
            polling.poll = Some(reply);
        }
    }

    /// Reads up to `budget` packets; stops early when the layer above is full.
    fn read(&mut self, cx: &mut Context<'_>, budget: &mut usize) {
        while *budget > 0 && self.machine.is_open() && self.may_read() {
            let Some(packet) = self.next_packet(cx) else {
                break;
            };
            *budget -= 1;
            match packet {
                Ok(packet) => {
                    self.input(Input::Packet(packet));
                    self.upstream.start(cx);
                }
                Err(Gone(reason)) => self.input(Input::Lost(reason)),
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

    fn may_read(&mut self) -> bool {
        let full = self.upstream.is_full();
        let over_limit = self.session.shared().outbox.is_over_limit();
        let may = !full && !over_limit;
        if may != self.reading {
            self.reading = may;
            trace!(sid = ?self.session.sid(), reading = may, "backpressure");
        }
        // Over a WebSocket the pong may wait behind what is not read, and a client that fetches nothing runs into
        // the write timeout. Over polling one GET empties the queue: who sends none has only the ping to miss.
        let rests = full || (over_limit && matches!(self.link, Link::WebSocket(_)));
        if rests != self.resting {
            self.resting = rests;
            self.input(Input::Reading(!rests));
        }
        may
    }

    fn next_packet(&mut self, cx: &mut Context<'_>) -> Option<Result<EnginePacket, Gone>> {
        match &mut self.link {
            Link::WebSocket(websocket) => {
                let next = match websocket.io.poll_message(cx) {
                    Poll::Ready(Ok(message)) => Some(decode(message)),
                    Poll::Ready(Err(gone)) => Some(Err(gone)),
                    Poll::Pending => None,
                };
                let partial = websocket.io.is_partial();
                if self.partial && matches!(next, Some(Ok(_))) {
                    // That one is complete. The next has begun behind it and has a deadline of its own.
                    self.partial = false;
                    self.input(Input::Partial(false));
                }
                if partial != self.partial {
                    self.partial = partial;
                    self.input(Input::Partial(partial));
                }
                next
            }
            Link::Polling(polling) => {
                let (packets, _) = polling.post.as_mut()?;
                match packets.next() {
                    Some(Ok(packet)) => Some(Ok(packet)),
                    Some(Err(error)) => {
                        debug!(sid = ?self.session.sid(), %error, "undecodable engine packet");
                        Some(Err(Gone(CloseReason::ParseError)))
                    }
                    None => {
                        self.session.end_post(polling, true);
                        None
                    }
                }
            }
        }
    }

    fn read_probe(&mut self, cx: &mut Context<'_>) {
        while let Some(probe) = &mut self.probe {
            match probe.io.poll_message(cx) {
                Poll::Ready(Ok(message)) => match decode(message) {
                    Ok(packet) => self.input(Input::ProbePacket(packet)),
                    Err(_) => self.input(Input::ProbeLost),
                },
                Poll::Ready(Err(_)) => self.input(Input::ProbeLost),
                Poll::Pending => {
                    // Finishes a `3probe` that the socket did not take at once.
                    let _ = probe.io.poll_write(cx, &mut || None);
                    break;
                }
            }
        }
    }

    /// A closing WebSocket is read on, for the client's close frame; what else comes is dropped.
    fn drain_closing(&mut self, cx: &mut Context<'_>) {
        if self.ending.is_none() {
            return;
        }
        if let Link::WebSocket(websocket) = &mut self.link {
            while !websocket.read_done {
                match websocket.io.poll_message(cx) {
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(_)) => websocket.read_done = true,
                    Poll::Pending => break,
                }
            }
        }
    }

    /// Writes what is queued. Returns whether the transport would take more.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let outbox = &self.session.shared().outbox;
        match &mut self.link {
            Link::WebSocket(websocket) => {
                // A turn that has read much has used up what tokio lets a task do at once. Without a share of its
                // own the writing would wait for a client to stop sending, and look like one that does not read.
                let mut share = if self.ending.is_some() {
                    usize::MAX
                } else {
                    SHARE
                };
                let mut next = || {
                    share = share.checked_sub(1)?;
                    outbox.pop()
                };
                let io = &mut websocket.io;
                let write = poll_fn(|cx| io.poll_write(cx, &mut next));
                let result = pin!(unconstrained(write)).poll(cx);
                let progress = websocket.io.written() != websocket.written;
                websocket.written = websocket.io.written();
                match result {
                    Poll::Ready(Ok(())) => {
                        self.input(Input::Wrote);
                        self.websocket_drained(cx);
                        true
                    }
                    Poll::Ready(Err(Gone(reason))) => {
                        websocket.read_done = true;
                        self.input(Input::Lost(reason));
                        self.input(Input::Finished);
                        false
                    }
                    Poll::Pending => {
                        if progress {
                            self.input(Input::Wrote);
                        }
                        self.input(Input::Stalled);
                        false
                    }
                }
            }
            Link::Polling(polling) => {
                if polling.poll.is_none() {
                    return false;
                }
                if self.ending.is_some_and(|ending| ending.flush) && outbox.is_empty() {
                    // The reference answers a waiting poll with a close, and a later one with noop and close.
                    return false;
                }
                if outbox.is_empty() {
                    return true;
                }
                let frames = outbox.take_all();
                if let Some(poll) = polling.poll.take() {
                    let _ = poll.send(PollReply::Payload(payload::encode(frames.iter())));
                }
                false
            }
        }
    }

    fn websocket_drained(&mut self, cx: &mut Context<'_>) {
        let (Some(ending), Link::WebSocket(websocket)) = (self.ending, &mut self.link) else {
            return;
        };
        if !websocket.close_sent {
            websocket.close_sent = true;
            websocket.io.close(close_code(ending.reason));
            let written = websocket.io.poll_write(cx, &mut || None);
            if written.is_pending() {
                return;
            }
        }
        if websocket.read_done {
            self.input(Input::Finished);
        }
    }

    /// Tells a polling client of a graceful end, once everything before it has been fetched. `waited`: its poll
    /// was there already when the session ended.
    fn finish_polling(&mut self, waited: bool) {
        if !self.ending.is_some_and(|ending| ending.flush) {
            return;
        }
        let empty = self.session.shared().outbox.is_empty();
        if let Link::Polling(polling) = &mut self.link
            && empty
            && let Some(poll) = polling.poll.take()
        {
            let payload = if waited {
                payload::encode([Frame::close()].iter())
            } else {
                payload::encode([Frame::noop(), Frame::close()].iter())
            };
            let _ = poll.send(PollReply::Payload(payload));
            self.input(Input::Finished);
        }
    }

    fn has_poll(&self) -> bool {
        matches!(&self.link, Link::Polling(polling) if polling.poll.is_some())
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let mut budget = TURN;
        // Before the requests, and by the clock: a request that comes at the deadline comes too late, although
        // the timer itself may fire a millisecond after it.
        while self
            .machine
            .deadline()
            .is_some_and(|deadline| now() >= deadline)
        {
            self.input(Input::Tick);
        }
        let was_ending = self.ending.is_some();
        let waited = self.has_poll() && !was_ending;
        self.requests();
        loop {
            self.read(cx, &mut budget);
            let was_full = self.upstream.is_full();
            // Always: its own timers and other tasks may have woken it.
            self.upstream_busy = self.upstream.poll(cx).is_pending();
            // Finished handlers made room: what waits in the transport's buffer would otherwise wait for a
            // wake-up that does not come.
            if !(was_full && !self.upstream.is_full() && budget > 0 && self.machine.is_open()) {
                break;
            }
        }
        let told = self.ending.is_some();
        let writable = self.write(cx);
        self.finish_polling(waited);
        self.drain_closing(cx);
        // Writing may have set a deadline.
        let due = self.timer_is_due(cx);
        // A write that failed has ended the session after the layer above had its turn: it has another one, for
        // nothing else may ever wake it.
        let ended = self.ending.is_some() && !told;
        if due
            || ended
            || budget == 0
            || (self.machine.is_open() && !self.reading && self.may_read())
        {
            cx.waker().wake_by_ref();
        }
        writable
    }

    fn timer_is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.machine.deadline() else {
            return false;
        };
        if self.timer.deadline().into_std() != deadline {
            self.timer.as_mut().reset(deadline.into());
        }
        self.timer.as_mut().poll(cx).is_ready()
    }
}

impl Future for SessionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.session.shared().outbox.cork();
        // A request or a frame may arrive between the turn's look at it and its end: look again, a few times,
        // then let the other tasks of the thread have their turn.
        for _ in 0..4 {
            let writable = this.turn(cx);
            if this.machine.is_gone() && !this.upstream_busy {
                return Poll::Ready(());
            }
            let shared = this.session.shared();
            if shared.outbox.uncork(cx.waker(), writable) && shared.inbox.is_empty() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for SessionTask {
    /// The runtime may drop a task that has not ended (it is shutting down): nothing may be accepted any more.
    fn drop(&mut self) {
        self.session.shared().outbox.close(true);
        self.session.shared().inbox.close();
    }
}

fn now() -> Instant {
    // tokio's clock, so that tests can pause it.
    tokio::time::Instant::now().into_std()
}

fn decode(message: Message) -> Result<EnginePacket, Gone> {
    match message {
        Message::Text(text) => EnginePacket::decode(text).map_err(|error| {
            debug!(%error, "undecodable engine packet");
            Gone(CloseReason::ParseError)
        }),
        binary @ Message::Binary(_) => Ok(EnginePacket::Message(binary)),
    }
}

/// The WebSocket close code for an ending (RFC 6455 section 7.4.1). The official clients look at none of them;
/// people who read a capture do.
fn close_code(reason: CloseReason) -> u16 {
    match reason {
        CloseReason::ServerShuttingDown => 1001,
        CloseReason::ParseError | CloseReason::TransportError => 1002,
        CloseReason::SlowConsumer
        | CloseReason::PingTimeout
        | CloseReason::ForcedClose
        | CloseReason::ForcedServerClose => 1008,
        CloseReason::TransportClose
        | CloseReason::ServerNamespaceDisconnect
        | CloseReason::ClientNamespaceDisconnect => 1000,
    }
}

/// The handshake's transport decides how a task begins.
impl From<Option<Box<dyn Duplex>>> for Link {
    fn from(websocket: Option<Box<dyn Duplex>>) -> Self {
        match websocket {
            Some(io) => Self::WebSocket(WebSocket::new(io)),
            None => Self::Polling(Polling::default()),
        }
    }
}

impl Link {
    pub(crate) fn transport(&self) -> Transport {
        match self {
            Self::Polling(_) => Transport::Polling,
            Self::WebSocket(_) => Transport::WebSocket,
        }
    }
}

/// The first frame of a WebSocket session is its handshake, ahead of everything the layer above sends.
pub(crate) fn send_handshake(session: &Session, handshake: &Frame) {
    let _ = session.shared().outbox.push(handshake, Urgency::Reply);
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
