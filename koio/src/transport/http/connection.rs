//! What hyper does not tell about a connection of koio's own listener: how long it waits, and what became of its answers.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use http::StatusCode;
use parking_lot::Mutex;

use super::{
    handshake_rate::HandshakeRate,
    last_session::LastSession,
    timeouts::{AwaitedRequest, HttpTimeouts},
};
use crate::{
    engine::{LimitReached, Session},
    observe::{Observation, Observers},
    time::now,
    transport::{AnyStream, polling::AnsweredPoll, tcp::TcpWriter},
};

/// The longest head of a request on koio's own listener (431 above it): method, target, and the names and values of the
/// headers. Cookies and tokens fit; bodies are not bound by it.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// A connection that hyper serves, as its stream ([`HttpStream`](super::HttpStream)) and its requests see it.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    /// Unless it is a Unix socket's.
    pub(crate) peer: Option<SocketAddr>,
    /// Whether TLS ends here.
    pub(super) is_secure: bool,
    pub(crate) timeouts: HttpTimeouts,
    pub(crate) last_session: LastSession,
    observers: Option<Observers>,
    /// The socket, if the connection is bare. Weak, because its end shuts the connection down.
    tcp: Weak<TcpWriter>,
    handshakes: Mutex<HandshakeRate>,
    exchange: Mutex<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    phase: ExchangePhase,
    /// Whether the answer is another service's.
    attached: bool,
    /// Polls whose answers hyper has, and the client may not have taken.
    unsent: Vec<AnsweredPoll>,
    /// Whether the operating system has not taken all of them when it was last asked.
    stalled: bool,
    /// The last poll whose answer the operating system has.
    sent: Option<AnsweredPoll>,
}

#[derive(Clone, Copy, Debug)]
enum ExchangePhase {
    /// A request, or the rest of its head, is awaited since then.
    Awaiting(AwaitedRequest, Instant),
    /// A request is being answered.
    Serving,
    /// The connection speaks another protocol, which has its own deadlines.
    Upgraded,
}

impl HttpConnection {
    pub(crate) fn new(
        stream: &AnyStream,
        (peer, is_secure): (Option<SocketAddr>, bool),
        timeouts: HttpTimeouts,
        observers: Option<Observers>,
        handshakes: HandshakeRate,
    ) -> Self {
        Self {
            peer,
            is_secure,
            timeouts,
            last_session: LastSession::default(),
            observers,
            tcp: stream.weak_writer(),
            handshakes: Mutex::new(handshakes),
            exchange: Mutex::new(Exchange {
                phase: ExchangePhase::Awaiting(AwaitedRequest::First, now()),
                attached: false,
                unsent: Vec::new(),
                stalled: false,
                sent: None,
            }),
        }
    }

    /// The head of a request could not be read, so hyper has refused it with this status.
    pub(crate) fn refuse_unread(&self, status: StatusCode, hint: fmt::Arguments<'_>) {
        let Some(observers) = &self.observers else {
            return;
        };
        observers.notify(&Observation::RequestRefused {
            cause: "head",
            status: status.as_u16(),
            method: "",
            path: "",
            origin: None,
            host: None,
            peer: self.peer,
            upgrade: false,
            message: status.canonical_reason().unwrap_or_default(),
            hint,
        });
    }

    /// No request has come in its time.
    pub(super) fn expired(&self) {
        let ExchangePhase::Awaiting(awaited, since) = self.exchange.lock().phase else {
            return;
        };
        if let Some(observers) = &self.observers {
            let missed = awaited.missed(since, self.timeouts);
            missed.notify(self.peer, observers);
        }
    }

    /// Whether the client has closed its side. hyper sees that itself, unless bytes have come behind the request.
    pub(super) fn has_hung_up(&self) -> bool {
        self.tcp.upgrade().is_some_and(|tcp| tcp.has_hung_up())
    }

    /// Counts a handshake, or refuses it.
    pub(super) fn take_handshake(&self, per_second: u32) -> Result<(), LimitReached> {
        self.handshakes.lock().take(per_second)
    }

    /// The head of a request is complete.
    pub(crate) fn begin(self: &Arc<Self>, attached: bool) -> ServedRequest {
        let mut exchange = self.exchange.lock();
        exchange.phase = ExchangePhase::Serving;
        exchange.attached = attached;
        // The client has read that answer before it asked again.
        let read = exchange.sent.take();
        drop(exchange);
        drop(read);
        ServedRequest(Arc::clone(self))
    }

    /// hyper has the whole answer to a poll.
    pub(super) fn answered(&self, poll: AnsweredPoll) {
        self.exchange.lock().unsent.push(poll);
    }

    /// Whether the client may not have the whole answer to a poll of this session. hyper reads the next request before the
    /// operating system has that answer.
    pub(super) fn is_answering(&self, session: &Session) -> bool {
        let unsent = &self.exchange.lock().unsent;
        unsent.iter().any(|poll| poll.is_of(session))
    }

    /// The operating system takes no more for now of what hyper has.
    pub(super) fn is_stalled(&self) {
        let mut exchange = self.exchange.lock();
        exchange.stalled = true;
        let unsent = exchange.unsent.clone();
        drop(exchange);
        let Some(observers) = &self.observers else {
            return;
        };
        for poll in &unsent {
            let mut of_session = unsent.iter().filter(|other| other.is_of(poll.session()));
            // They are in the order of their coming.
            let newest = of_session.next_back().unwrap_or(poll);
            poll.unsent(newest.number(), observers);
        }
    }

    /// A connection that has [stalled](Self::is_stalled) is tried again.
    pub(super) fn tries_again(&self) {
        let unsent = self.exchange.lock().unsent.clone();
        for poll in unsent {
            poll.writing();
        }
    }

    /// The operating system has everything that hyper had.
    pub(super) fn has_flushed(&self) {
        let mut exchange = self.exchange.lock();
        let stalled = std::mem::take(&mut exchange.stalled);
        let Some(sent) = exchange.unsent.pop() else {
            return;
        };
        let last = stalled.then(|| sent.clone());
        let sent = exchange.sent.replace(sent);
        let others = std::mem::take(&mut exchange.unsent);
        drop(exchange);
        if stalled {
            for poll in others.iter().chain(&last) {
                poll.sent();
            }
        }
        drop((sent, others));
    }

    /// Bytes of a request have come.
    pub(super) fn has_read(&self) {
        let phase = &mut self.exchange.lock().phase;
        if let ExchangePhase::Awaiting(AwaitedRequest::First | AwaitedRequest::Next, _) = phase {
            *phase = ExchangePhase::Awaiting(AwaitedRequest::Head, now());
        }
    }

    /// The client has taken bytes.
    pub(super) fn has_written(&self) {
        let phase = &mut self.exchange.lock().phase;
        if let ExchangePhase::Awaiting(AwaitedRequest::Next, since) = phase {
            *since = now();
        }
    }

    /// When bytes of a request must have come. While a request is answered, when that is to be asked again.
    pub(super) fn read_by(&self) -> Option<Instant> {
        match self.exchange.lock().phase {
            ExchangePhase::Awaiting(awaited, since) => awaited.by(since, self.timeouts),
            // hyper does not read again when the answer is complete: the timer that is set here is looked at then.
            ExchangePhase::Serving => now().checked_add(self.timeouts.keep_alive),
            ExchangePhase::Upgraded => None,
        }
    }

    /// How long the client may take no byte of an answer.
    pub(super) fn write_timeout(&self) -> Option<Duration> {
        let exchange = self.exchange.lock();
        match exchange.phase {
            ExchangePhase::Upgraded => None,
            _ if exchange.attached => Some(self.timeouts.attached_write),
            _ => Some(self.timeouts.write),
        }
    }

    /// Bytes of an answer were given to hyper, and the client has not taken them: they are lost.
    pub(super) fn cut(&self, cause: &str) {
        let lost = std::mem::take(&mut self.exchange.lock().unsent);
        for poll in lost {
            if let Some(observers) = &self.observers {
                poll.cut(observers, cause);
            }
        }
    }

    /// The connection was reset.
    pub(super) fn reset(&self) {
        self.cut("the connection was reset");
        let sent = self.exchange.lock().sent.take();
        if let (Some(poll), Some(observers)) = (sent, &self.observers) {
            poll.reset(observers);
        }
    }
}

/// A request that is being answered, until the body of the answer is dropped.
#[derive(Debug)]
pub(crate) struct ServedRequest(Arc<HttpConnection>);

impl ServedRequest {
    /// The answer upgrades the connection.
    pub(crate) fn upgrades(&self) {
        self.0.exchange.lock().phase = ExchangePhase::Upgraded;
    }
}

impl Drop for ServedRequest {
    fn drop(&mut self) {
        let phase = &mut self.0.exchange.lock().phase;
        if !matches!(phase, ExchangePhase::Upgraded) {
            *phase = ExchangePhase::Awaiting(AwaitedRequest::Next, now());
        }
    }
}
