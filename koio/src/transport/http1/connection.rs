//! The loop of one connection: read a request, have it answered, wait for the next.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderValue;
use tokio::{io::AsyncWrite, net::TcpStream};

use super::{
    idle_timer::IdleTimer,
    plain_request,
    polling_client::{PollingClient, RequestProgress, StopSignal, WakeOn},
    response_writer::{self, AfterResponse, ResponseHead, UnsentResponse},
    session_requests::{AcceptedRequest, SessionRequests},
    upgrade::PendingUpgrade,
};
use crate::{
    engine::wake_after_others,
    fast_path::FastPath,
    time::now,
    transport::{
        EngineService, HandshakeRate, HttpTimeouts, polling::PollResponse, read_buffer::ReadBuffer,
        stalled_write::StalledWrite, tcp::Tcp,
    },
};

/// Requests that are served in one turn before the other tasks of the thread run.
const REQUESTS_PER_TURN: usize = 16;

/// Bytes that are read behind a request that waits for its answer, to see whether the client hangs up.
const MAX_UNREAD: usize = 64 * 1024;

/// A TCP connection whose requests have all been plain so far.
pub(crate) struct Http1Connection {
    /// Dropped before `tcp`, so that `tcp` has the last reference to the writer, and closes without shutting down.
    requests: SessionRequests,
    tcp: Tcp,
    /// Bytes that came before they could be served.
    unread: Bytes,
    idle: IdleTimer,
    /// Whether the last request may still be with its session.
    awaits_session: bool,
    /// Whether `stopped` was polled, so that it wakes this task.
    watches_stop: bool,
}

/// What is to be done with a connection: see [`Http1Connection::finish`].
pub(crate) enum Http1End {
    Close,
    Hyper,
    Upgrade(PendingUpgrade),
}

/// What became of a connection.
pub(crate) enum Http1Outcome {
    /// It was served to its end, or is a WebSocket now.
    Served,
    /// Its next request is not plain: hyper must serve it, and the connection from here on. `unread` comes before the bytes
    /// of `tcp`.
    GiveToHyper { unread: Bytes, tcp: Tcp },
}

enum NextStep {
    /// Serve the next request.
    Request,
    /// Write the unsent bytes of a response.
    Write(Box<UnsentResponse>),
    End(Http1End),
}

impl Http1Connection {
    pub(crate) fn new(
        tcp: TcpStream,
        peer: SocketAddr,
        service: Arc<EngineService>,
        timeouts: HttpTimeouts,
        stop: StopSignal,
    ) -> Self {
        Self {
            requests: SessionRequests::new(service, peer, stop),
            tcp: tcp.into(),
            unread: Bytes::new(),
            idle: IdleTimer::new(timeouts),
            awaits_session: false,
            watches_stop: false,
        }
    }

    /// How many handshakes it has made.
    pub(crate) fn handshakes(&self) -> HandshakeRate {
        self.requests.handshakes()
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.requests.peer()
    }

    /// Serves plain requests until one is not plain, or the connection ends. The only entry to this server: with
    /// [`FastPath::Http1`] off it gives every connection to hyper.
    ///
    /// `stopped` is ready when the server wants the connection to end, which it does after the response under way.
    pub(crate) async fn try_serve(
        &mut self,
        mut stopped: Pin<&mut impl Future<Output = ()>>,
    ) -> Http1End {
        if !FastPath::Http1.is_on() {
            return Http1End::Hyper;
        }
        loop {
            let step = poll_fn(|cx| {
                let step = self.poll_step(cx);
                let may_stop = step.is_pending() && !self.awaits_session;
                // Once polled, `stopped` wakes this task: it is polled again only when it is ready.
                if may_stop && (!self.watches_stop || self.requests.stop().is_set()) {
                    self.watches_stop = true;
                    let stopped = stopped.as_mut().poll(cx);
                    return stopped.map(|()| NextStep::End(Http1End::Close));
                }
                step
            });
            let unsent = match step.await {
                NextStep::Request => continue,
                NextStep::Write(unsent) => unsent,
                NextStep::End(end) => return end,
            };
            let (after, loses_packets) = (unsent.after, unsent.loses_packets);
            // Boxed: nearly every response is written at once, and this future would be a part of every connection's.
            let written = Box::pin(self.write_unsent(*unsent)).await;
            if let Err(error) = &written
                && loses_packets
            {
                self.requests.cut(error);
            }
            if written.is_err() || after == AfterResponse::Close {
                return Http1End::Close;
            }
        }
    }

    /// Does what the end of [`try_serve`](Self::try_serve) asks for. A function of its own because it takes the
    /// connection: as a part of that future the connection would have room twice in its task.
    pub(crate) fn finish(self, end: Http1End) -> Http1Outcome {
        match end {
            Http1End::Close => Http1Outcome::Served,
            Http1End::Hyper => Http1Outcome::GiveToHyper {
                unread: self.unread,
                tcp: self.tcp,
            },
            Http1End::Upgrade(upgrade) => {
                let engine = &self.requests.service().engine;
                upgrade.complete(engine, self.tcp, &self.unread);
                Http1Outcome::Served
            }
        }
    }

    /// Waits for the next step.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<NextStep> {
        if self.awaits_session {
            match self.poll_session(cx) {
                RequestProgress::Answered => self.awaits_session = false,
                RequestProgress::Pending => return self.poll_hang_up(cx),
                RequestProgress::Unsent(unsent) => {
                    self.awaits_session = false;
                    return Poll::Ready(NextStep::Write(unsent));
                }
            }
        }
        for _ in 0..REQUESTS_PER_TURN {
            match ready!(self.poll_request(cx)) {
                NextStep::Request if self.awaits_session => return self.poll_hang_up(cx),
                NextStep::Request => {}
                step => return Poll::Ready(step),
            }
        }
        wake_after_others(cx);
        Poll::Pending
    }

    fn poll_session(&self, cx: &mut Context<'_>) -> RequestProgress {
        match self.requests.client() {
            Some(client) => client.progress(self.wake_on(), cx.waker()),
            None => RequestProgress::Answered,
        }
    }

    /// Whether the session must wake this task when it has answered: for the next request, which has come already, or
    /// to set the idle timer.
    fn wake_on(&self) -> WakeOn {
        if self.unread.is_empty() && self.idle.is_set() {
            WakeOn::Unsent
        } else {
            WakeOn::Answer
        }
    }

    /// Waits for a request, and serves it.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<NextStep> {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            return Poll::Ready(self.serve_first(&unread, Some(&unread), cx));
        }
        let mut buffer = ReadBuffer::default();
        match buffer.poll_fill(Pin::new(&mut self.tcp), cx) {
            Poll::Ready(Ok(1..)) => {
                let step = self.serve_first(buffer.unread(), None, cx);
                buffer.clear();
                Poll::Ready(step)
            }
            Poll::Ready(Ok(0)) => Poll::Ready(NextStep::End(Http1End::Close)),
            Poll::Ready(Err(_)) => {
                self.requests.reset();
                Poll::Ready(NextStep::End(Http1End::Close))
            }
            Poll::Pending => {
                let client = self.requests.client();
                let answered = || client.and_then(PollingClient::answered);
                let missed = ready!(self.idle.poll_expired(cx, answered));
                missed.notify(
                    Some(self.requests.peer()),
                    self.requests.service().engine.observers(),
                );
                Poll::Ready(NextStep::End(Http1End::Close))
            }
        }
    }

    /// While the session has the request: ready if the client hangs up, which ends its session.
    fn poll_hang_up(&mut self, cx: &mut Context<'_>) -> Poll<NextStep> {
        // Requests behind this one wait, the first of them here and the rest with the operating system. Then a hang-up
        // behind them is not seen.
        if self.unread.len() >= MAX_UNREAD {
            return Poll::Pending;
        }
        // Readiness first: mostly nothing has come, and asking for it saves the system call of a read.
        if ready!(self.tcp.poll_read_ready(cx)).is_err() {
            return Poll::Ready(NextStep::End(Http1End::Close));
        }
        let mut buffer = ReadBuffer::default();
        match ready!(buffer.poll_fill(Pin::new(&mut self.tcp), cx)) {
            Ok(1..) => {
                let mut unread = BytesMut::from(std::mem::take(&mut self.unread));
                unread.extend_from_slice(buffer.unread());
                self.unread = unread.freeze();
                buffer.clear();
                // The answer may have come since the session was asked to wake on it: look again.
                Poll::Ready(NextStep::Request)
            }
            Ok(0) | Err(_) => Poll::Ready(NextStep::End(Http1End::Close)),
        }
    }

    /// Serves the first request of `bytes`, and keeps those behind it. `owned`: the same bytes, if they need no copy to be
    /// kept.
    fn serve_first(
        &mut self,
        bytes: &[u8],
        owned: Option<&Bytes>,
        cx: &mut Context<'_>,
    ) -> NextStep {
        let accepted = self.accept_repeated(bytes, owned, cx.waker()).or_else(|| {
            plain_request::read(bytes, |request| {
                self.keep_behind(bytes, owned, request.length());
                let wake = self.wake_on();
                self.requests.accept(request, &self.tcp, wake, cx.waker())
            })
        });
        match accepted {
            Some(AcceptedRequest::SessionResponds) => {
                self.awaits_session = true;
                NextStep::Request
            }
            Some(AcceptedRequest::Response(response, allow_origin)) => {
                self.respond(response, allow_origin.as_ref())
            }
            Some(AcceptedRequest::Upgrade(upgrade)) => NextStep::End(Http1End::Upgrade(upgrade)),
            None => {
                self.keep_behind(bytes, owned, 0);
                NextStep::End(Http1End::Hyper)
            }
        }
    }

    fn accept_repeated(
        &mut self,
        bytes: &[u8],
        owned: Option<&Bytes>,
        waker: &Waker,
    ) -> Option<AcceptedRequest> {
        let request = self.requests.find_repeated(bytes)?;
        self.keep_behind(bytes, owned, request.length);
        let wake = self.wake_on();
        self.requests.accept_repeated(&request, wake, waker)
    }

    /// Keeps the bytes behind a request of this length.
    fn keep_behind(&mut self, bytes: &[u8], owned: Option<&Bytes>, length: usize) {
        if let Some(behind @ [_, ..]) = bytes.get(length..) {
            self.unread = match owned {
                // A block with many requests is not copied for each of them.
                Some(owned) => owned.slice_ref(behind),
                None => Bytes::copy_from_slice(behind),
            };
        }
    }

    /// Answers a handshake.
    fn respond(&mut self, response: PollResponse, allow_origin: Option<&HeaderValue>) -> NextStep {
        let Some(writer) = self.tcp.writer() else {
            return NextStep::End(Http1End::Close);
        };
        let now = now();
        self.idle.restart(now);
        let head = ResponseHead {
            allow_origin,
            // Too short to gain anything.
            coding: None,
            after: self.requests.stop().after_response(),
            now,
        };
        match response_writer::write(&writer, response, &head) {
            Some(mut unsent) => {
                // The answer to a handshake holds no packets of the session whose requests the connection carried before.
                unsent.loses_packets = false;
                NextStep::Write(unsent)
            }
            None => NextStep::Request,
        }
    }

    /// Writes what the client did not take at once, within the write timeout for each piece.
    async fn write_unsent(&mut self, mut unsent: UnsentResponse) -> io::Result<()> {
        if let Some(error) = unsent.failed {
            return Err(error.into());
        }
        let mut stalled = StalledWrite::default();
        while !unsent.is_empty() {
            let write = poll_fn(|cx| self.poll_write(&mut unsent, &mut stalled, cx));
            if write.await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.idle.restart(now());
        }
        Ok(())
    }

    /// Writes a piece of what the client did not take at once.
    fn poll_write(
        &mut self,
        unsent: &mut UnsentResponse,
        stalled: &mut StalledWrite,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let client = self.requests.client().filter(|_| unsent.loses_packets);
        if let Some(client) = client {
            client.writing();
        }
        let next = unsent.next();
        let mut written = Pin::new(&mut self.tcp).poll_write(cx, next);
        if written.is_pending() {
            let timeout = self.requests.service().engine.config().write_timeout;
            written = stalled.poll(cx, timeout, || self.tcp.insist(next));
        }
        if let Poll::Ready(Ok(written)) = &written {
            stalled.progressed();
            next.advance(*written);
        }
        if let Some(client) = client {
            match &written {
                Poll::Pending => client.unsent(),
                Poll::Ready(_) if unsent.is_empty() => client.sent(),
                Poll::Ready(_) => {}
            }
        }
        written
    }
}
