//! The short way of a request: plain requests of a session are read and answered here, on the bare connection.
//!
//! A client that polls makes two requests for each message, and each is a line, a handful of headers and a short
//! body. For these hyper's work is most of the cost. What is not plain, not whole when it arrives, or not certain
//! to succeed goes to hyper with its connection, unread, and hyper keeps that: so there is one place for everything
//! that is refused, and one for everything that takes long to read.

#[cfg(test)]
mod fuzz_tests;
mod polling_client;
mod repeated_head;
mod request_head;
mod response_writer;

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::coop::unconstrained,
    time::{Sleep, timeout},
};

pub(crate) use self::polling_client::StopSignal;
use self::{
    polling_client::{PollingClient, RequestProgress},
    repeated_head::RepeatedHead,
    request_head::PlainRequest,
    response_writer::UnsentResponse,
};
use super::{
    EngineService, HttpStream,
    http::{
        origin::OriginVerdict,
        request::{self, RequestIntent},
    },
    read_buffer::ReadBuffer,
    tcp::Tcp,
    websocket::WebSocketTransport,
};
use crate::{
    engine::{Opening, Session, TransportKind},
    time::now,
    transport::polling::{self, PollResponse, PollingTransport},
    wire::payload,
};

/// A connection whose requests have all been plain so far.
pub(crate) struct Http1Connection {
    /// The session of the last request: most likely that of the next as well. Dropped first, so that the connection is
    /// closed here and not shut down before.
    client: Option<PollingClient>,
    /// The client's request has not been answered, as far as is known.
    asked: bool,
    tcp: Tcp,
    peer: SocketAddr,
    service: Arc<EngineService>,
    stops: StopSignal,
    /// Requests that came before they could be answered.
    unread: Bytes,
    timeout: Duration,
    /// Since when a request is waited for, once one has been, unless the client has been answered since. Looked at when the
    /// timer fires, so that no request has to set that.
    idle: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whoever ends the server wakes this task.
    watched: bool,
}

/// What becomes of the connection; see [`Http1Connection::finish`].
pub(crate) enum Http1Outcome {
    End,
    Hyper,
    WebSocket(PendingUpgrade),
}

/// What is to be done next.
enum NextStep {
    /// The session answers by itself, or the answer is written: the next request.
    Request,
    /// The rest of an answer.
    Unsent(Box<UnsentResponse>),
    /// A handshake: the connection is to be given to a session.
    WebSocket(PendingUpgrade),
    /// A request that is none of ours.
    Hyper,
    /// The client has gone, or has said nothing for too long, or the server stops.
    End,
}

/// A WebSocket that has been asked for.
pub(crate) struct PendingUpgrade {
    response: Vec<u8>,
    by: UpgradedSession,
}

/// Who has asked for a WebSocket.
enum UpgradedSession {
    /// A new client.
    Opening(Box<Opening>),
    /// A session that is over polling.
    Session(Session),
}

impl Http1Connection {
    pub(crate) fn new(
        tcp: TcpStream,
        peer: SocketAddr,
        service: Arc<EngineService>,
        timeout: Duration,
        stops: StopSignal,
    ) -> Self {
        Self {
            client: None,
            asked: false,
            tcp: tcp.into(),
            peer,
            service,
            stops,
            unread: Bytes::new(),
            timeout,
            idle: None,
            timer: None,
            watched: false,
        }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Answers requests for as long as they are plain.
    ///
    /// `stopped` is ready when the server wants the connection to end: after the answer that is under way.
    pub(crate) async fn run(
        &mut self,
        mut stopped: Pin<&mut impl Future<Output = ()>>,
    ) -> Http1Outcome {
        loop {
            let next = poll_fn(|cx| {
                let next = self.poll_next(cx);
                // Whoever has been asked once wakes this task by itself.
                if next.is_pending() && !self.asked && (!self.watched || self.stops.have_come()) {
                    self.watched = true;
                    return stopped.as_mut().poll(cx).map(|()| NextStep::End);
                }
                next
            });
            let left = match next.await {
                NextStep::Request => continue,
                NextStep::Unsent(left) => left,
                NextStep::WebSocket(handshake) => return Http1Outcome::WebSocket(handshake),
                NextStep::Hyper => return Http1Outcome::Hyper,
                NextStep::End => return Http1Outcome::End,
            };
            // In a box: nearly every answer is written at once.
            let last = left.last;
            if Box::pin(self.write_left(*left)).await.is_err() || last {
                return Http1Outcome::End;
            }
        }
    }

    /// Does what is to be done with the connection; gives it back if it is for hyper.
    pub(crate) fn finish(self, outcome: Http1Outcome) -> Option<HttpStream> {
        match outcome {
            Http1Outcome::End => None,
            Http1Outcome::Hyper => Some(HttpStream::new(self.unread, self.tcp)),
            Http1Outcome::WebSocket(handshake) => {
                self.hand_over(handshake);
                None
            }
        }
    }

    /// Waits until there is something to do, and does what needs no waiting.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<NextStep> {
        if self.asked {
            match self.progress(cx) {
                RequestProgress::Answered => {}
                RequestProgress::Asked => return self.poll_hang_up(cx),
                RequestProgress::Unsent(left) => {
                    self.asked = false;
                    return Poll::Ready(NextStep::Unsent(left));
                }
            }
            self.asked = false;
        }
        loop {
            match ready!(self.poll_request(cx)) {
                NextStep::Request if self.asked => return self.poll_hang_up(cx),
                NextStep::Request => {}
                next => return Poll::Ready(next),
            }
        }
    }

    fn progress(&self, cx: &mut Context<'_>) -> RequestProgress {
        match &self.client {
            Some(client) => client.progress(self.is_eager(), cx.waker()),
            None => RequestProgress::Answered,
        }
    }

    /// Whether there is something to do as soon as the last request is answered: the next one has come, or nothing
    /// would notice that it does not come.
    fn is_eager(&self) -> bool {
        let watched = self.timer.as_ref().is_some_and(|timer| !timer.is_elapsed());
        !self.unread.is_empty() || !watched
    }

    /// Waits for the next request, and takes it.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<NextStep> {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            return Poll::Ready(self.take(&unread, cx));
        }
        let mut block = ReadBuffer::default();
        match block.poll_fill(Pin::new(&mut self.tcp), cx) {
            Poll::Ready(Ok(1..)) => {
                let next = self.take(block.unread(), cx);
                block.clear();
                Poll::Ready(next)
            }
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(NextStep::End),
            Poll::Pending => self.poll_patience(cx).map(|()| NextStep::End),
        }
    }

    /// While the session has the word: ready if the client goes away, which is what ends its session.
    fn poll_hang_up(&mut self, cx: &mut Context<'_>) -> Poll<NextStep> {
        // Requests that come now wait for their turn; beyond a block's worth they wait in the system's buffers.
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        // Nothing has come, nearly always: asked first, that costs half.
        if ready!(self.tcp.poll_read_ready(cx)).is_err() {
            return Poll::Ready(NextStep::End);
        }
        let mut block = ReadBuffer::default();
        match ready!(block.poll_fill(Pin::new(&mut self.tcp), cx)) {
            Ok(1..) => {
                self.unread = Bytes::copy_from_slice(block.unread());
                block.clear();
                // The answer may have come meanwhile, and then nobody wakes this task for it.
                Poll::Ready(NextStep::Request)
            }
            Ok(0) | Err(_) => Poll::Ready(NextStep::End),
        }
    }

    /// Ready when a request has been waited for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // It wakes whoever has polled it last, which is always this task.
        if self.timer.as_ref().is_some_and(|timer| !timer.is_elapsed()) {
            return Poll::Pending;
        }
        self.idle = self
            .idle
            .max(self.client.as_ref().and_then(PollingClient::answered));
        let idle = *self.idle.get_or_insert_with(now);
        let Some(by) = idle.checked_add(self.timeout) else {
            // Beyond what the clock can tell.
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(by.into())));
        // Without a budget: what did not get through to the timer would never be asked again.
        while pin!(unconstrained(timer.as_mut())).poll(cx).is_ready() {
            if now() >= by {
                return Poll::Ready(());
            }
            timer.as_mut().reset(by.into());
        }
        Poll::Pending
    }

    /// Takes the first request of `bytes`; what is behind it is kept.
    fn take(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> NextStep {
        let next = self.take_again(bytes, cx).or_else(|| {
            request_head::read(bytes, |plain| {
                keep_behind(&mut self.unread, bytes, plain.length());
                self.begin(plain, cx)
            })
        });
        next.unwrap_or_else(|| {
            self.unread = Bytes::copy_from_slice(bytes);
            NextStep::Hyper
        })
    }

    /// The same for a request that asks something of the last one's session, with the same head.
    fn take_again(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Option<NextStep> {
        let client = self.client.as_ref()?;
        let seen = client.seen.as_ref()?;
        let again = seen.read(bytes)?;
        keep_behind(&mut self.unread, bytes, again.length);
        if let Some(target) = again.target
            && !self.asks_for(target, client)
        {
            return None;
        }
        self.ask(client, again.body, seen.listed.as_ref(), cx)?;
        self.asked = true;
        Some(NextStep::Request)
    }

    /// Whether a target without a handshake is for this client's session, over polling.
    fn asks_for(&self, target: &[u8], client: &PollingClient) -> bool {
        let config = self.service.engine.config();
        let query = self.service.query_of(target);
        let ask = query.map(|query| request::judge(&Method::GET, query, false, config));
        matches!(ask, Some(Ok(RequestIntent::Session(sid, TransportKind::Polling))) if client.is(&sid))
    }

    /// Tells the client's session of a poll, or of a POST with its body. `None` if there is anything to refuse.
    fn ask(
        &self,
        client: &PollingClient,
        body: Option<&[u8]>,
        listed: Option<&HeaderValue>,
        cx: &mut Context<'_>,
    ) -> Option<()> {
        let session = client.session();
        if session.transport() != TransportKind::Polling {
            return None;
        }
        let eager = self.is_eager();
        let request = || client.ask(listed, eager, cx.waker());
        match body {
            Some(body) => {
                let packets = payload::decode(Bytes::copy_from_slice(body)).ok()?;
                polling::post_whole(session, packets, request).ok()
            }
            None => polling::poll(session, request).ok(),
        }
    }

    /// Tells the session, or opens one. `None` if there is anything to refuse: nothing has been done then.
    fn begin(&mut self, plain: &PlainRequest<'_>, cx: &mut Context<'_>) -> Option<NextStep> {
        let query = self.service.query_of(plain.target)?;
        let listed = match self.service.origins.judge_text(plain.origin, plain.host) {
            OriginVerdict::Same => None,
            OriginVerdict::Listed(origin) => Some(origin),
            OriginVerdict::Foreign => return None,
        };
        let config = self.service.engine.config();
        let ask = {
            let method = if plain.body.is_some() {
                &Method::POST
            } else {
                &Method::GET
            };
            request::judge(method, query, plain.websocket.is_some(), config).ok()?
        };
        match ask {
            RequestIntent::Open(TransportKind::Polling) => {
                let opening = self.opening(plain, TransportKind::Polling);
                let handshake = self
                    .service
                    .engine
                    .open(opening, Box::<PollingTransport>::default())
                    .ok()?;
                let payload = payload::encode([handshake]);
                Some(self.answer(PollResponse::Payload(payload), listed))
            }
            RequestIntent::Open(_) => self.handshake(plain, None),
            RequestIntent::Session(sid, transport) => {
                if transport == TransportKind::WebSocket {
                    return self.handshake(plain, Some(self.service.engine.get(&sid)?));
                }
                let client = match self.client.take().filter(|known| known.is(&sid)) {
                    // Here for a second time: it may well come again.
                    Some(mut client) => {
                        client.seen = RepeatedHead::new(plain, listed.clone()).map(Box::new);
                        client
                    }
                    None => {
                        let session = self.service.engine.get(&sid)?;
                        PollingClient::new(session, self.tcp.writer()?, self.stops.clone())
                    }
                };
                self.ask(&client, plain.body, listed.as_ref(), cx)?;
                self.client = Some(client);
                self.asked = true;
                Some(NextStep::Request)
            }
        }
    }

    /// Answers what needs no waiting.
    fn answer(&mut self, reply: PollResponse, listed: Option<HeaderValue>) -> NextStep {
        let Some(writer) = self.tcp.writer() else {
            return NextStep::End;
        };
        let now = now();
        self.idle = Some(now);
        let last = self.stops.have_come();
        match response_writer::write(&writer, reply, listed.as_ref(), last, now) {
            Some(left) => NextStep::Unsent(left),
            None => NextStep::Request,
        }
    }

    fn opening(&self, plain: &PlainRequest<'_>, transport: TransportKind) -> Opening {
        let headers = plain.headers.iter();
        let headers = headers.map(|header| (header.name.as_bytes(), header.value));
        Opening::of_text(plain.target, headers, self.peer, transport)
    }

    fn handshake(&self, plain: &PlainRequest<'_>, session: Option<Session>) -> Option<NextStep> {
        let key = plain.websocket?;
        if plain.body.is_some() || !request::is_good_key(key) || self.service.engine.is_refusing() {
            return None;
        }
        Some(NextStep::WebSocket(PendingUpgrade {
            response: response_writer::switching_protocols(key),
            by: session.map_or_else(
                || {
                    UpgradedSession::Opening(Box::new(
                        self.opening(plain, TransportKind::WebSocket),
                    ))
                },
                UpgradedSession::Session,
            ),
        }))
    }

    /// Gives the connection to a session. To a new client the answer to the handshake leaves with its first frame.
    fn hand_over(self, handshake: PendingUpgrade) {
        let engine = &self.service.engine;
        let mut websocket = WebSocketTransport::new(self.tcp, &self.unread, engine.config());
        match handshake.by {
            UpgradedSession::Opening(opening) => {
                // Refused only while shutting down: the dropped connection tells the client to come back.
                let _ = engine.open_behind(handshake.response, *opening, Box::new(websocket));
            }
            UpgradedSession::Session(session) => {
                websocket.begin_with(&handshake.response);
                let _ = session.probe(Box::new(websocket));
            }
        }
    }

    /// Writes what the client did not take at once.
    async fn write_left(&mut self, left: UnsentResponse) -> io::Result<()> {
        let UnsentResponse {
            mut head, mut body, ..
        } = left;
        let time = self.service.engine.config().write_timeout;
        while !(head.is_empty() && body.is_empty()) {
            let next = if head.is_empty() {
                &mut body
            } else {
                &mut head
            };
            if timeout(time, self.tcp.write_buf(next)).await?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.idle = Some(now());
        }
        Ok(())
    }
}

/// Behind a request comes the next: its answer is waited for.
fn keep_behind(unread: &mut Bytes, bytes: &[u8], length: usize) {
    if let Some(rest @ [_, ..]) = bytes.get(length..) {
        *unread = Bytes::copy_from_slice(rest);
    }
}
