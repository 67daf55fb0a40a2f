//! Observing a running server: an [`Observer`] is called with each [`Observation`].
//!
//! All layers from the engine upward report here and nowhere else. Two observers are always there: the
//! counters behind [`IoHandle::counts`](crate::IoHandle::counts), and the log. Your own are added with
//! [`Io::observe`](crate::Io::observe); without one, an observation on the path of an event costs one branch.
//!
//! ```
//! use koio::observe::{Observation, Observer};
//! use std::sync::atomic::{AtomicI64, Ordering};
//!
//! #[derive(Default)]
//! struct Connected(AtomicI64);
//!
//! impl Observer for Connected {
//!     fn observe(&self, observation: &Observation<'_>) {
//!         match observation {
//!             Observation::Connected { .. } => self.0.fetch_add(1, Ordering::Relaxed),
//!             Observation::Disconnected { .. } => self.0.fetch_sub(1, Ordering::Relaxed),
//!             _ => return,
//!         };
//!     }
//! }
//!
//! let io = koio::Io::new().observe(Connected::default());
//! ```

mod counts;
mod log;
mod observers;
#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr, time::Duration};

use crate::{
    close_reason::CloseReason,
    ids::{Room, Sid, SocketId},
};

pub use counts::Counts;
pub(crate) use log::{event_span, observer_panicked};
pub(crate) use observers::Observers;

/// Receives the observations of a server: see the [module](self).
///
/// `observe` is called where the thing happens, mostly in the task of a session, and never under one of koio's locks. It
/// must not block. A panic is caught and logged; nothing else depends on it.
pub trait Observer: Send + Sync + 'static {
    /// Called once for each observation.
    fn observe(&self, observation: &Observation<'_>);
}

/// Something that happened, by its name. New kinds, and new fields of a kind, may come with any version: a match on one ends in
/// `..`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// An Engine.IO session was opened (Engine.IO protocol, "Handshake").
    #[non_exhaustive]
    SessionOpened {
        /// The session.
        sid: Sid,
        /// How the client is connected, in the protocol's word: `polling` or `websocket`.
        transport: &'a str,
        /// The revision of Engine.IO that the client speaks: 4, or 3 where that is [allowed](crate::Io::allow_eio3).
        protocol: u8,
    },
    /// A session moved to another transport (Engine.IO protocol, "Upgrade").
    #[non_exhaustive]
    SessionUpgraded {
        /// The session.
        sid: Sid,
        /// The transport it has now.
        transport: &'a str,
    },
    /// A session ended. Handlers of its sockets may run on for a while.
    #[non_exhaustive]
    SessionClosed {
        /// The session.
        sid: Sid,
        /// The transport it had last.
        transport: &'a str,
        /// Why it ended.
        reason: CloseReason,
    },
    /// A session ended before its client had got what was queued for it: the client was gone, or did not come for it in time.
    /// A client that did not read is a [`SlowConsumer`](Self::SlowConsumer) instead.
    #[non_exhaustive]
    SessionAbandoned {
        /// The session.
        sid: Sid,
    },
    /// A request was refused: it could not open a session, or did not fit the session that it named (Engine.IO protocol,
    /// error codes).
    #[non_exhaustive]
    RequestRefused {
        /// The part of the request that decided it: `origin`, `transport`, `sid`, `EIO`, `method`, `upgrade`, `body`, `head`,
        /// `limit`, `shutdown`, the name of a header or of a parameter, or the method of [`Io`](crate::Io) whose function has
        /// refused it or panicked: `allow_request`, `generate_id`, `headers`.
        cause: &'a str,
        /// The status of the answer; over WebSocket it is 400 unless it is 405, 500, 503, or that of
        /// [`allow_request`](crate::Io::allow_request).
        status: u16,
        /// The request's method. Empty if the head could not be read, and so is the path.
        method: &'a str,
        /// The beginning of its path.
        path: &'a str,
        /// The page's origin, if it is text.
        origin: Option<&'a str>,
        /// The host that it asked, if there is one.
        host: Option<&'a str>,
        /// Where it came from, if that is known.
        peer: Option<SocketAddr>,
        /// Whether it asked for a WebSocket.
        upgrade: bool,
        /// The message of the answer.
        message: &'a str,
        /// The values that decided it and what to write, for the operator of the server.
        hint: fmt::Arguments<'a>,
    },
    /// A handshake was refused because there are as many sessions, or handshakes of its connection, as a limit allows. The
    /// [`RequestRefused`](Self::RequestRefused) of the same request follows.
    #[non_exhaustive]
    SessionRefused {
        /// The name of the limit in [`EngineConfig`](crate::engine::EngineConfig).
        limit: &'a str,
        /// What there was already.
        count: usize,
        /// The limit's value.
        max: usize,
    },
    /// A connection of a listener with TLS ended before its handshake had.
    #[non_exhaustive]
    TlsFailed {
        /// The client's address, unless it came by a Unix socket.
        peer: Option<SocketAddr>,
        /// What failed, or which limit was reached.
        cause: &'a str,
    },
    /// A connection of koio's own listener was closed because no request came on it in time.
    #[non_exhaustive]
    HttpTimeout {
        /// Where it came from, if that is known.
        peer: Option<SocketAddr>,
        /// The limit's name in [`Config`](crate::config::Config): `header_timeout`, or `keep_alive_timeout` behind an answer.
        limit: &'a str,
        /// What did not come, how long it was waited for, and the limit's value.
        cause: fmt::Arguments<'a>,
    },
    /// A client hung up before its poll or its POST was answered, so its session ends.
    #[non_exhaustive]
    RequestDropped {
        /// The session.
        sid: Sid,
    },
    /// A WebSocket to which a session was to move is closed, and the session stays on its transport.
    #[non_exhaustive]
    UpgradeFailed {
        /// The session.
        sid: Sid,
        /// What was wrong, with the limit and its value if that was it.
        cause: fmt::Arguments<'a>,
    },
    /// A client did not take the whole answer to a poll, or polled again or upgraded before it can have it, so its session ends:
    /// what was in the answer is lost.
    #[non_exhaustive]
    AnswerCut {
        /// The session.
        sid: Sid,
        /// What cut the answer.
        cause: &'a str,
    },
    /// A socket was accepted into a namespace: its CONNECT has been answered.
    #[non_exhaustive]
    Connected {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
    },
    /// A namespace got its first socket on this server: it is connecting. `/` stays from then on, the others until
    /// [`NamespaceRemoved`](Self::NamespaceRemoved).
    #[non_exhaustive]
    NamespaceCreated {
        /// The namespace.
        namespace: &'a str,
    },
    /// A namespace has lost its last socket on this server. If a client enters it at the same moment, its
    /// [`NamespaceCreated`](Self::NamespaceCreated) may be observed first.
    #[non_exhaustive]
    NamespaceRemoved {
        /// The namespace.
        namespace: &'a str,
    },
    /// A client has come back to its socket after a lost connection. Its [`Connected`](Self::Connected) follows.
    #[non_exhaustive]
    Recovered {
        /// The namespace.
        namespace: &'a str,
        /// The socket, whose id is the one of before.
        socket: SocketId,
        /// How many events it had missed.
        missed: usize,
    },
    /// A client that wanted to come back is connected as a new one.
    #[non_exhaustive]
    NotRecovered {
        /// The namespace.
        namespace: &'a str,
        /// Why, with the limits if it was those.
        cause: &'a str,
    },
    /// The time of a client to come back is over: its session ends.
    #[non_exhaustive]
    SessionExpired {
        /// The namespace.
        namespace: &'a str,
        /// The socket that it had.
        socket: SocketId,
    },
    /// A CONNECT was answered with an error (Socket.IO protocol, "Connection to a namespace").
    #[non_exhaustive]
    ConnectRefused {
        /// The namespace that the client asked for.
        namespace: &'a str,
        /// The message of the error.
        message: &'a str,
    },
    /// An event was answered with `bad_request` before it could reach a handler: its name is above a limit.
    #[non_exhaustive]
    EventRefused {
        /// The namespace.
        namespace: &'a str,
        /// The socket that it came from.
        socket: SocketId,
        /// The beginning of its name.
        event: &'a str,
        /// What was wrong, with the limit and both numbers.
        cause: fmt::Arguments<'a>,
    },
    /// A socket that was [`Connected`](Self::Connected) ended.
    #[non_exhaustive]
    Disconnected {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
        /// Why it ended.
        reason: CloseReason,
    },
    /// An event has come from a client.
    #[non_exhaustive]
    EventReceived {
        /// The namespace.
        namespace: &'a str,
        /// The socket that it came from.
        socket: SocketId,
        /// The event's name, which the client chose.
        event: &'a str,
    },
    /// An event was emitted, to one socket or to many.
    #[non_exhaustive]
    EventSent {
        /// The namespace.
        namespace: &'a str,
        /// The event's name.
        event: &'a str,
        /// How many sockets of this server it was sent to.
        recipients: usize,
    },
    /// A socket entered a room, or has come back to it with its client, ahead of [`Recovered`](Self::Recovered). Its own room,
    /// which bears its id, is not observed.
    #[non_exhaustive]
    Joined {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
        /// The room.
        room: &'a Room,
        /// Whether the room is made by that: it has no other socket of this server. If its last one leaves at the same moment,
        /// the [`Left`](Self::Left) of that may be observed behind this.
        first: bool,
    },
    /// A socket left a room. At its end it leaves all its rooms, ahead of its [`Disconnected`](Self::Disconnected).
    #[non_exhaustive]
    Left {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
        /// The room.
        room: &'a Room,
        /// Whether the room is gone with that: it had no other socket of this server.
        last: bool,
    },
    /// A volatile event was dropped because its recipient could not take it at once.
    #[non_exhaustive]
    VolatileDropped {
        /// The namespace.
        namespace: &'a str,
        /// The socket that it was for.
        socket: SocketId,
    },
    /// A session is closed because its client does not read what is sent to it.
    #[non_exhaustive]
    SlowConsumer {
        /// The session.
        sid: Sid,
        /// The limit that was reached: `send_queue_hard` or `write_timeout`.
        limit: &'static str,
        /// What was reached, with both numbers, in words for the log.
        cause: fmt::Arguments<'a>,
    },
    /// A session is closed because its client went beyond a limit of the transport: of a message's size, of its parts, or of
    /// the time it may take. If that was on a WebSocket to which the session was to move, only the WebSocket is closed.
    #[non_exhaustive]
    LimitExceeded {
        /// The session.
        sid: Sid,
        /// The limit's name: `max_payload`, `max_fragments`, `message_timeout`, `min_rate`, or `control frames`.
        limit: &'a str,
        /// What the client did, with the limit and both numbers.
        cause: fmt::Arguments<'a>,
    },
    /// A session ends because its client has not done in time what it owed: answered a ping, made its next request, taken what
    /// was queued when the session closed, or answered the close. What a client that is cut for another reason does not
    /// answer is not observed.
    #[non_exhaustive]
    DeadlineMissed {
        /// The session.
        sid: Sid,
        /// The limit's name in [`EngineConfig`](crate::engine::EngineConfig): `ping_timeout`, `poll_again_timeout`,
        /// `close_timeout` or `write_timeout`.
        limit: &'a str,
        /// What did not come, how long it was waited for, and the limit's value.
        cause: fmt::Arguments<'a>,
    },
    /// A connection is not read for the first time, because the events that wait for its handlers are at `read_ahead`.
    #[non_exhaustive]
    ReadAheadFull {
        /// The session.
        sid: Sid,
        /// The bytes that wait.
        waiting: usize,
        /// `read_ahead`.
        limit: usize,
    },
    /// A session is closed because its client broke the protocol, or that of its transport. If that was on a WebSocket to
    /// which the session was to move, only the WebSocket is closed.
    #[non_exhaustive]
    ProtocolError {
        /// The session.
        sid: Sid,
        /// The rule that was broken, in words for the log.
        cause: fmt::Arguments<'a>,
    },
    /// An Engine.IO packet was ignored that only a server sends, or that has no meaning on a session's transport.
    #[non_exhaustive]
    PacketIgnored {
        /// The session.
        sid: Sid,
        /// The packet's name in the protocol: `open`, `upgrade` or `noop`.
        packet: &'a str,
    },
    /// A client's ack matched no pending emit: it came too late, twice, or with an unknown id.
    #[non_exhaustive]
    UnexpectedAck {
        /// The namespace.
        namespace: &'a str,
        /// The socket that it came from.
        socket: SocketId,
    },
    /// A handler answered an event a second time.
    #[non_exhaustive]
    SecondAnswer {
        /// The namespace.
        namespace: &'a str,
        /// The socket that waited for the answer.
        socket: SocketId,
        /// The event's name.
        event: &'a str,
    },
    /// An event came once more whose handler runs once for each key (`once_by`): it is answered as the first one.
    #[non_exhaustive]
    EventRepeated {
        /// The namespace.
        namespace: &'a str,
        /// The socket that it came from.
        socket: SocketId,
        /// The event's name.
        event: &'a str,
    },
    /// A session has forgotten events whose handlers run once for each key: they would run again.
    #[non_exhaustive]
    OnceForgotten {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
        /// How many.
        events: usize,
        /// What there was, with the limit and both numbers.
        cause: fmt::Arguments<'a>,
    },
    /// The answer to an event was dropped because its client was gone.
    #[non_exhaustive]
    AnswerLost {
        /// The namespace.
        namespace: &'a str,
        /// The socket that had waited for the answer.
        socket: SocketId,
    },
    /// Events of a client were dropped before a handler ran for them, because the server shuts down.
    #[non_exhaustive]
    EventsDropped {
        /// The namespace.
        namespace: &'a str,
        /// The socket that they came from.
        socket: SocketId,
        /// How many.
        events: usize,
    },
    /// A packet was dropped because its sender was not in the namespace: the server had just disconnected it, or refused its
    /// CONNECT.
    #[non_exhaustive]
    LateEvent {
        /// The namespace.
        namespace: &'a str,
    },
    /// A handler was dropped because it outlived its socket, or the server's shutdown.
    #[non_exhaustive]
    HandlerDropped {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
        /// What it outlived.
        cause: fmt::Arguments<'a>,
    },
    /// Events of a socket have waited for more than a second behind a handler. At most once in a minute for each socket.
    #[non_exhaustive]
    EventsHeldUp {
        /// The namespace.
        namespace: &'a str,
        /// The socket.
        socket: SocketId,
        /// The event of the handler that they wait for; `*` if that is its event.
        event: &'a str,
        /// The handler's `concurrency`.
        concurrency: usize,
        /// How many events waited when that time began; some of them may have started since.
        waiting: usize,
        /// How long the others have waited at least, and the last that has started.
        waited: Duration,
    },
    /// Events that other servers have sent by `server_side_emit` were dropped: as many of their handlers run as may, or this
    /// server leaves the cluster.
    #[non_exhaustive]
    ServerEventsDropped {
        /// How many.
        events: usize,
        /// Why; of a limit, with its name, the event, and both numbers.
        cause: fmt::Arguments<'a>,
    },
    /// Messages of other nodes of the cluster were dropped, since this node is too far behind.
    #[non_exhaustive]
    ClusterDropped {
        /// How many.
        messages: u64,
    },
    /// Messages to other nodes of the cluster were dropped, since the broker did not take them.
    #[non_exhaustive]
    ClusterUnpublished {
        /// How many.
        messages: u64,
        /// The broker's error.
        cause: &'a str,
    },
    /// The broker of the cluster has lost its connection: until [`ClusterTogether`](Self::ClusterTogether) this node misses what
    /// other nodes publish.
    #[non_exhaustive]
    ClusterAlone {
        /// Why.
        cause: &'a str,
    },
    /// What other nodes publish arrives again.
    #[non_exhaustive]
    ClusterTogether {
        /// How long it did not.
        alone: Duration,
    },
    /// A message of another node of the cluster could not be read.
    #[non_exhaustive]
    ClusterMalformed {
        /// What is wrong with it.
        cause: fmt::Arguments<'a>,
    },
}
