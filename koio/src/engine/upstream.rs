//! [`Upstream`] and [`Acceptor`]: the interface of a session to the layer above it.

use std::{
    net::SocketAddr,
    task::{Context, Poll},
    time::Instant,
};

use http::{Extensions, HeaderMap, Uri};

use super::{CloseReason, Session, TransportKind, request_head::RequestHead};
use crate::wire::{Message, Revision};

/// The address of an IPv4 host as such. A listener on `[::]` shows it as IPv6 (`::ffff:127.0.0.1`), by which neither
/// `max_unconnected_per_address` nor a handler would know it.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// How a session was opened: what its first HTTP request said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opening {
    head: RequestHead,
    /// The peer's address, if it is known (see [`PeerAddr`]).
    pub remote: Option<SocketAddr>,
    /// The transport that the session starts with.
    pub transport: TransportKind,
    /// Whether the client asked over TLS, as far as it is known.
    pub secure: bool,
    /// The revision of Engine.IO that the client speaks.
    pub revision: Revision,
}

impl Opening {
    pub(crate) fn new(
        headers: &HeaderMap,
        uri: &Uri,
        remote: Option<SocketAddr>,
        transport: TransportKind,
    ) -> Self {
        Self {
            head: RequestHead::new(uri, headers),
            remote: remote.map(canonical),
            transport,
            secure: false,
            revision: Revision::Four,
        }
    }

    /// [`new`](Self::new) from the text of a request: its target, and the names and values of its headers.
    pub(crate) fn of_text<'a>(
        target: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        remote: Option<SocketAddr>,
        transport: TransportKind,
    ) -> Self {
        Self {
            head: RequestHead::of_text(target, headers),
            remote: remote.map(canonical),
            transport,
            secure: false,
            revision: Revision::Four,
        }
    }

    /// Says whether the client asked over TLS.
    pub(crate) fn over_tls(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// By a client of this revision.
    pub(crate) fn of_revision(self, revision: Revision) -> Self {
        Self { revision, ..self }
    }

    /// With what the server around koio, or the program, has put beside the request.
    pub(crate) fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.head.add_extensions(extensions);
        self
    }

    /// What the server around koio has put beside the first request, of a type that is kept
    /// ([`Io::keep_extension`](crate::Io::keep_extension)), or what [`Io::allow_request`](crate::Io::allow_request) has returned.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.head.extension()
    }

    /// The headers of the first request, but for those about the connection alone (`Connection`, `Upgrade`, the key, version
    /// and extensions of a WebSocket).
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// The bytes that the first request is kept in.
    pub(super) fn head_bytes(&self) -> usize {
        self.head.bytes()
    }

    /// Path and query of the first request.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        self.head.uri()
    }

    /// The query of the first request, as it was sent.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        self.head.query()
    }

    /// The parameters of the query, decoded, in their order.
    pub(crate) fn queries(&self) -> &[(String, String)] {
        self.head.queries()
    }
}

/// The address of the peer, put into the extensions of an HTTP request by the server that accepted the connection.
///
/// koio's own server does so. Inside another server, insert it yourself for
/// [`Handshake::address`](crate::Handshake::address) to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Takes new sessions. One for the whole server.
pub trait Acceptor: Send + Sync + 'static {
    /// A session has been opened. The returned value receives its messages and its end. Nothing but the handshake has been
    /// sent yet.
    fn accept(&self, session: Session, opening: Opening) -> Box<dyn Upstream>;

    /// Whether its sessions say by [`Session::set_connected`] when their client is connected, and end those that are not
    /// after a while. Default no: then a session counts as connected from its handshake to its end, and
    /// [`EngineConfig::max_sessions`](super::EngineConfig::max_sessions) is the only limit on their number.
    fn reports_connected(&self) -> bool {
        false
    }
}

/// The layer above, as one session calls it: one value for each session, owned by the session's task.
///
/// Every method is called from that task, never two at once. None may block, and none may panic.
pub trait Upstream: Send {
    /// A message has arrived. Called only while [`is_full`](Self::is_full) says false.
    ///
    /// A handler that it starts may be polled here, so that it can finish before the next message is read.
    fn on_message(&mut self, message: Message, cx: &mut Context<'_>);

    /// Polls the handlers that are running. Called whenever the task is woken. `Ready` when none is: after
    /// [`on_close`](Self::on_close) the session's task then ends.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// When [`poll`](Self::poll) must be called at the latest. Asked after each such call, which must clear a deadline that
    /// has passed.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether no further message is accepted for now. The session stops reading its transport then, pongs and the client's
    /// goodbye included, and the client's network buffers fill up.
    ///
    /// `above_mark`: so much waits for the client that its queue is at
    /// [`send_queue_bytes`](super::EngineConfig::send_queue_bytes). An implementation that takes messages then should not
    /// answer them: at `send_queue_hard` the session is cut. Without one, nothing is accepted then.
    fn is_full(&mut self, above_mark: bool) -> bool {
        above_mark
    }

    /// Bytes of a packet that needs more messages to be complete, if there is one. Until then it is judged as one message
    /// ([`message_timeout`](super::EngineConfig::message_timeout), [`min_rate`](super::EngineConfig::min_rate)).
    fn arriving(&self) -> Option<usize> {
        None
    }

    /// The server shuts down: no event that waits or that arrives from here on is started. What handlers wait for, such as
    /// the client's acks, still comes by [`on_message`](Self::on_message).
    fn drain(&mut self) {}

    /// Whether every event that was started before [`drain`](Self::drain) is answered. Asked after each
    /// [`poll`](Self::poll) from there on; the session closes when it says true.
    fn is_drained(&self) -> bool {
        true
    }

    /// Whether [`poll`](Self::poll) would start something that it has left, because the client's queue was above its mark.
    /// Asked when writing has made room.
    fn would_start(&self) -> bool {
        false
    }

    /// The session is over. Called exactly once, and no message after it.
    fn on_close(&mut self, reason: CloseReason);
}
