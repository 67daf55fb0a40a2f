//! The short way of a request: plain requests of a session are read and answered here, on the bare connection.
//!
//! A client that polls makes two requests for each message, and each is a line, a handful of headers and a short
//! body. For these hyper's work is most of the cost. What is not plain, not whole when it arrives, or not certain
//! to succeed goes to hyper with its connection, unread, and hyper keeps that: so there is one place for everything
//! that is refused, and one for everything that takes long to read.

mod answer;
mod head;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use http::{HeaderValue, Method};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Sleep, timeout},
};

use self::head::Plain;
use super::{
    EngineService, HttpStream,
    block::Block,
    origin::Verdict,
    polling::Waiting,
    request::{self, Ask},
    response::Answer,
    stream::Tcp,
    websocket::WebSocket,
};
use crate::{
    engine::{
        Opening, Session, Transport,
        requests::{PollReply, PostReply},
        task::now,
    },
    wire::payload,
};

/// A body up to this size is copied behind its head; above it a copy costs more than a slice of its own.
const COALESCE: usize = 4 * 1024;

thread_local! {
    /// Where answers are put together; it is written before anything else happens.
    static TOGETHER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A connection whose requests have all been plain so far.
pub(crate) struct Direct {
    tcp: TcpStream,
    peer: SocketAddr,
    service: EngineService,
    /// Requests that came before they could be answered.
    unread: Bytes,
    /// The session of the last request: most likely that of the next as well.
    session: Option<Session>,
    timeout: Duration,
    /// Since when a request is waited for. Looked at when the timer fires, so that no request has to set that.
    idle: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What becomes of the connection; see [`Direct::finish`].
pub(crate) enum Outcome {
    End,
    Hyper,
    WebSocket(Box<Handshake>),
}

/// What is to be done next.
enum Next {
    /// A request that is answered when this says so.
    Answer(Begun, Option<HeaderValue>),
    /// A handshake: the connection is to be given to a session.
    WebSocket(Box<Handshake>),
    /// A request that is none of ours.
    Hyper,
    /// The client has gone, or has said nothing for too long, or the server stops.
    End,
}

/// A request that the session knows of.
enum Begun {
    Done(Answer),
    Poll(Waiting<PollReply>),
    Post(Waiting<PostReply>),
}

/// A WebSocket that has been asked for.
pub(crate) struct Handshake {
    response: Vec<u8>,
    by: By,
}

/// Who has asked for a WebSocket.
enum By {
    /// A new client.
    Opening(Opening),
    /// A session that is over polling.
    Session(Session),
}

impl Direct {
    pub(crate) fn new(
        tcp: TcpStream,
        peer: SocketAddr,
        service: EngineService,
        timeout: Duration,
    ) -> Self {
        Self {
            tcp,
            peer,
            service,
            unread: Bytes::new(),
            session: None,
            timeout,
            idle: now(),
            timer: None,
        }
    }

    /// Answers requests for as long as they are plain.
    ///
    /// `stops` is ready when the server wants the connection to end: after the answer that is under way.
    pub(crate) async fn run(
        &mut self,
        mut stops: Pin<&mut impl Future<Output = ()>>,
        has_stopped: impl Fn() -> bool,
    ) -> Outcome {
        let mut watched = false;
        loop {
            let next = poll_fn(|cx| {
                let next = self.poll_next(cx);
                // Whoever has been asked once wakes this task by itself.
                if next.is_pending() && (!watched || has_stopped()) {
                    watched = true;
                    return stops.as_mut().poll(cx).map(|()| Next::End);
                }
                next
            });
            match next.await {
                Next::Answer(mut begun, listed) => {
                    let answer = poll_fn(|cx| self.poll_answer(&mut begun, cx)).await;
                    let Some(answer) = answer else {
                        return Outcome::End;
                    };
                    let last = has_stopped();
                    let written = match self.write(&answer, listed.as_ref(), last) {
                        Ok((head, body)) if head.is_empty() && body.is_empty() => Ok(()),
                        // In a box: nearly every answer is written at once.
                        Ok((head, body)) => Box::pin(self.write_rest(head, body)).await,
                        Err(error) => Err(error),
                    };
                    if last || written.is_err() {
                        return Outcome::End;
                    }
                }
                Next::WebSocket(handshake) => return Outcome::WebSocket(handshake),
                Next::Hyper => return Outcome::Hyper,
                Next::End => return Outcome::End,
            }
        }
    }

    /// Does what is to be done with the connection; gives it back if it is for hyper.
    pub(crate) fn finish(self, outcome: Outcome) -> Option<HttpStream> {
        match outcome {
            Outcome::End => None,
            Outcome::Hyper => Some(HttpStream::new(self.unread, self.tcp)),
            Outcome::WebSocket(handshake) => {
                self.hand_over(*handshake);
                None
            }
        }
    }

    /// Waits for the next request, and takes it.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            return Poll::Ready(self.take(&unread));
        }
        let mut block = Block::default();
        match block.poll_fill(Pin::new(&mut self.tcp), cx) {
            Poll::Ready(Ok(1..)) => {
                let next = self.take(block.closed());
                block.forget();
                Poll::Ready(next)
            }
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Next::End),
            Poll::Pending => self.poll_patience(cx).map(|()| Next::End),
        }
    }

    /// Ready when a request has been waited for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let by = self.idle + self.timeout;
        if let Some(timer) = &self.timer
            && now() < timer.deadline().into_std()
        {
            return Poll::Pending;
        }
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(by.into())));
        while timer.as_mut().poll(cx).is_ready() {
            if now() >= by {
                return Poll::Ready(());
            }
            timer.as_mut().reset(by.into());
        }
        Poll::Pending
    }

    /// Takes the first request of `bytes`; what is behind it is kept.
    fn take(&mut self, bytes: &[u8]) -> Next {
        let next = head::read(bytes, |plain| Some((self.begin(plain)?, plain.length)));
        match next {
            Some((next, length)) => {
                if let Some(rest @ [_, ..]) = bytes.get(length..) {
                    self.unread = Bytes::copy_from_slice(rest);
                }
                next
            }
            None => {
                self.unread = Bytes::copy_from_slice(bytes);
                Next::Hyper
            }
        }
    }

    /// Tells the session, or opens one. `None` if there is anything to refuse: nothing has been done then.
    fn begin(&mut self, plain: &Plain<'_>) -> Option<Next> {
        let query = self.service.query_of(plain.target)?;
        let listed = match self.service.origins.judge_text(plain.origin, plain.host) {
            Verdict::Same => None,
            Verdict::Listed(origin) => Some(origin),
            Verdict::Foreign => return None,
        };
        let config = self.service.engine.config();
        let ask = {
            let method = if plain.is_post {
                &Method::POST
            } else {
                &Method::GET
            };
            request::judge(method, query, plain.websocket.is_some(), config).ok()?
        };
        let begun = match ask {
            Ask::Open(Transport::Polling) => {
                let opening = self.opening(plain, Transport::Polling);
                let handshake = self.service.engine.open(opening, None).ok()?;
                Begun::Done(Answer::Payload(payload::encode([handshake].iter())))
            }
            Ask::Open(Transport::WebSocket) => return self.handshake(plain, None),
            Ask::Session(sid, transport) => {
                let session = match self.session.take().filter(|known| known.sid() == sid) {
                    Some(session) => session,
                    None => self.service.engine.get(&sid)?,
                };
                if transport == Transport::WebSocket {
                    return self.handshake(plain, Some(session));
                }
                if session.transport() != transport {
                    return None;
                }
                let begun = if plain.is_post {
                    let body = Bytes::copy_from_slice(plain.body);
                    Begun::Post(Waiting::post(session.clone(), body)?)
                } else {
                    Begun::Poll(Waiting::poll(session.clone()).ok()?)
                };
                self.session = Some(session);
                begun
            }
        };
        Some(Next::Answer(begun, listed))
    }

    fn opening(&self, plain: &Plain<'_>, transport: Transport) -> Opening {
        let headers = plain.headers.iter();
        let headers = headers.map(|header| (header.name.as_bytes(), header.value));
        Opening::of_text(plain.target.as_bytes(), headers, self.peer, transport)
    }

    fn handshake(&self, plain: &Plain<'_>, session: Option<Session>) -> Option<Next> {
        let key = plain.websocket?;
        if plain.is_post || !request::is_good_key(key) || self.service.engine.is_refusing() {
            return None;
        }
        Some(Next::WebSocket(Box::new(Handshake {
            response: answer::switching_protocols(key),
            by: session.map_or_else(
                || By::Opening(self.opening(plain, Transport::WebSocket)),
                By::Session,
            ),
        })))
    }

    /// Gives the connection to a session. The answer to the handshake leaves with the session's first frame.
    fn hand_over(self, handshake: Handshake) {
        let engine = &self.service.engine;
        let tcp = Tcp::from(self.tcp);
        let mut websocket = WebSocket::new(tcp, &self.unread, engine.config());
        websocket.begin_with(handshake.response);
        let websocket = Box::new(websocket);
        match handshake.by {
            By::Opening(opening) => {
                // Refused only while shutting down: the dropped connection tells the client to come back.
                let _ = engine.open(opening, Some(websocket));
            }
            By::Session(session) => {
                let _ = session.probe(websocket);
            }
        }
    }

    /// Waits for the answer; `None` if the client goes away before it, which is what ends its session.
    fn poll_answer(&mut self, begun: &mut Begun, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let answer = match begun {
            Begun::Done(answer) => return Poll::Ready(Some(std::mem::take(answer))),
            Begun::Poll(waiting) => Pin::new(waiting).poll(cx),
            Begun::Post(waiting) => Pin::new(waiting).poll(cx),
        };
        if let Poll::Ready(answer) = answer {
            return Poll::Ready(Some(answer));
        }
        // Requests that come now wait for their turn; beyond a block's worth they wait in the system's buffers.
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        let mut block = Block::default();
        match ready!(block.poll_fill(Pin::new(&mut self.tcp), cx)) {
            Ok(1..) => {
                self.unread = Bytes::copy_from_slice(block.closed());
                block.forget();
                Poll::Pending
            }
            Ok(0) | Err(_) => Poll::Ready(None),
        }
    }

    /// Writes an answer. What is left of its head and its body the client does not take yet.
    fn write(
        &mut self,
        answer: &Answer,
        listed: Option<&HeaderValue>,
        last: bool,
    ) -> io::Result<(Bytes, Bytes)> {
        self.idle = now();
        let mut body = answer.body();
        let mut together = TOGETHER.take();
        together.clear();
        answer::head(&mut together, answer, listed, last, self.idle);
        if body.len() <= COALESCE {
            together.extend_from_slice(&body);
            body = Bytes::new();
        }
        let written = if body.is_empty() {
            self.tcp.try_write(&together)
        } else {
            let both = [IoSlice::new(&together), IoSlice::new(&body)];
            self.tcp.try_write_vectored(&both)
        };
        let written = match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        };
        let left = written.map(|written| {
            body.advance(written.saturating_sub(together.len()));
            Bytes::copy_from_slice(together.get(written..).unwrap_or_default())
        });
        TOGETHER.set(together);
        Ok((left?, body))
    }

    async fn write_rest(&mut self, mut head: Bytes, mut body: Bytes) -> io::Result<()> {
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
            self.idle = now();
        }
        Ok(())
    }
}
