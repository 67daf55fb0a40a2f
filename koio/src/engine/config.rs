//! The limits of sessions, in time and size.

use std::{fmt, time::Duration};

use super::machine::Pace;
use crate::wire::PerMessageDeflate;

/// Bytes of a polling body beside a binary message of `max_payload`: its `b`, and small packets before it.
const BODY_OVERHEAD: usize = 1_024;

/// The limits of Engine.IO sessions. The defaults are those of the reference server where it has one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EngineConfig {
    /// Time from one heartbeat to the next ping of the server. Default 25 s. Sent to the client in the
    /// handshake, which gives up after `ping_interval + ping_timeout` without a ping.
    pub ping_interval: Duration,
    /// Time a client has to answer a ping. Default 20 s. A session that misses it ends with
    /// [`CloseReason::PingTimeout`](crate::CloseReason::PingTimeout). The deadline is paused while the server itself is not
    /// reading, because [`read_ahead`](crate::config::SocketConfig::read_ahead) is full.
    pub ping_timeout: Duration,
    /// Time that an upgrade from polling to WebSocket may take. Default 10 s. At the limit the WebSocket is
    /// closed and the session goes on over polling.
    pub upgrade_timeout: Duration,
    /// Bytes of one message and one WebSocket frame. Default 1,000,000; sent to the client in the handshake. Above it a
    /// WebSocket is closed (1009) and a request answered 413; both end the session. A polling request may have a third more,
    /// and 1,024 bytes: there a binary message comes as base64, and what fits over WebSocket fits over polling.
    pub max_payload: usize,
    /// The first mark for what waits to be sent to one client: its bytes, and 64 more for each message. Default 1 MiB.
    ///
    /// While so much waits already, an emit to this one socket says [full](crate::Error::is_full) and queues nothing, and
    /// no event of the client is started; a broadcast is still queued, up to [`send_queue_hard`](Self::send_queue_hard). A
    /// message of any size is queued while less waits.
    pub send_queue_bytes: usize,
    /// The second mark for what waits to be sent to one client, counted as for
    /// [`send_queue_bytes`](Self::send_queue_bytes). Default 8 MiB, or `send_queue_bytes` where that is more.
    ///
    /// A broadcast, or an answer, that finds so much waiting closes the client with
    /// [`CloseReason::SlowConsumer`](crate::CloseReason::SlowConsumer). So does a broadcast that finds the queue between the
    /// marks when the client has taken nothing for [`write_timeout`](Self::write_timeout). One client therefore holds at most
    /// this much and one message in its queue. The frames of a broadcast are shared, and counted for each recipient.
    pub send_queue_hard: usize,
    /// Time without any progress in writing to a WebSocket that has something to write, and time for which a queue
    /// above [`send_queue_bytes`](Self::send_queue_bytes) may take broadcasts while its client takes nothing. Default 10 s.
    /// Then the session ends as a slow consumer. An answer to a poll of which the client takes nothing for this time is cut,
    /// and its session ends with a transport error.
    ///
    /// Progress is what the kernel takes: koio asks it eight times within this time, also where it has not said that there is
    /// room. Behind TLS or another stream, and for an answer inside another server, only what that takes counts.
    ///
    /// The kernel takes more when about 64 KiB have left, and a client's kernel lets more come when about half of its receive
    /// buffer, mostly 32 to 128 KiB, was read. With the default a client that reads without a pause is therefore certain to be
    /// seen reading from about 13 kB/s on, and one that reads less than 6.5 kB/s may be taken for one that reads nothing. Raise
    /// the timeout for lines that are slower.
    pub write_timeout: Duration,
    /// The longest pause of a message that has begun to arrive: between the bytes of a WebSocket message or of the body of
    /// a polling request, and between a packet and its attachments. Default 10 s. Then the session ends with a transport
    /// error, and a request is answered 408. A message may take any time as long as bytes keep coming, and the ping
    /// timeout is suspended meanwhile; see also `min_rate`.
    pub message_timeout: Duration,
    /// Bytes a second at which a message must arrive, on average over each `message_timeout`. Default 4,096; not zero. One
    /// that comes more slowly ends as after a pause.
    pub min_rate: usize,
    /// Frames that one WebSocket message may be cut into. Default `None`: as many as `max_payload` has in pieces of 64 bytes,
    /// but at least 1,024 and at most 131,072 (with the default of `max_payload`: 15,625). One more closes the WebSocket
    /// (1008).
    pub max_fragments: Option<usize>,
    /// Time that a closing session waits for its client to take queued messages. Default 30 s, as in the
    /// reference. A WebSocket then waits a sixth of it for the client's close frame. See
    /// [`poll_again_timeout`](Self::poll_again_timeout) for long-polling.
    pub close_timeout: Duration,
    /// Sessions at once, those included whose handlers still run after their end. Default none. Above it a handshake is
    /// answered 503. An idle session over WebSocket costs 2.3 KiB and the head of its first request, which may have 64 KiB;
    /// the kernel's socket costs about as much again, and up to its buffers (4 MiB each way on Linux) while the client does
    /// not read.
    pub max_sessions: Option<usize>,
    /// Sessions without a connected socket: their client has not been accepted into a namespace, or has left the last one.
    /// Default 10,000. Above it a handshake is answered 503. Such a session ends after
    /// [`connect_timeout`](crate::config::SocketConfig::connect_timeout), and does not count while it closes. Servers of raw
    /// Engine.IO have no sockets, and none of the three limits on unconnected sessions: see
    /// [`Acceptor::reports_connected`](super::Acceptor::reports_connected).
    pub max_unconnected: usize,
    /// Sessions without a connected socket of one address, or of one IPv6 network (/64). Default none, since behind a proxy
    /// all clients have its address. Above it a handshake is answered 503. Clients of unknown address are not counted.
    pub max_unconnected_per_address: Option<usize>,
    /// Bytes of the heads of the first requests that all sessions without a connected socket keep, for
    /// [`Handshake::headers`](crate::Handshake::headers). Default 64 MiB, at least 64 KiB. Above it a handshake is answered
    /// 503.
    pub max_unconnected_head_bytes: usize,
    /// Handshakes in a second over one HTTP connection of koio's own listener. Default 100, not zero. The next one is
    /// answered 503, and the connection closed. A balancer that opens few connections for many clients needs more. Inside
    /// axum and other servers koio does not see connections, and there is no such limit.
    pub handshakes_per_second: u32,
    /// Time that a living client over long-polling takes to poll again, beyond the time that it needs for the last answer
    /// ([`min_rate`](Self::min_rate)). Default 5 s. After it, a closing session that has something for its client is given up and counted
    /// ([`sessions_abandoned`](crate::observe::Counts::sessions_abandoned)), never later than after `close_timeout`, and
    /// at a shutdown after 1 s. A closing session that has nothing for its client, and no poll that waits, ends at once.
    ///
    /// The same time applies to a client whose connection ends between two polls, or goes on with a request for another
    /// session, on koio's own listener: if no poll waits and no request comes in this time, its session ends with
    /// [`CloseReason::TransportClose`](crate::CloseReason::TransportClose). Inside another server connections can't be seen,
    /// and it ends with the ping timeout.
    pub poll_again_timeout: Duration,
    /// Compression of WebSocket messages. Default `None`: a client's offer is declined. See
    /// [`Io::per_message_deflate`](crate::Io::per_message_deflate).
    ///
    /// What is compressed counts as it is sent in [`send_queue_bytes`](Self::send_queue_bytes) and `send_queue_hard`. A message
    /// of a client may have [`max_payload`](Self::max_payload) bytes compressed, and as many when it is inflated; one more
    /// closes the WebSocket (1009).
    #[cfg(any(test, feature = "compression"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "compression")))]
    pub per_message_deflate: Option<PerMessageDeflate>,
    /// Whether sessions may be opened over HTTP long-polling. Default yes.
    pub polling: bool,
    /// Whether WebSocket is accepted, as the first transport or as an upgrade. Default yes.
    pub websocket: bool,
    /// Whether a session over polling or EventSource may move to WebSocket. Default yes. Otherwise the handshake offers no upgrade,
    /// and one that is asked for all the same is answered 400, where Node's server grants it; the session goes on as it is. A
    /// WebSocket may still open a session, if [`websocket`](Self::websocket) is on.
    pub allow_upgrades: bool,
    /// Whether clients of revision 3 of the protocol (`EIO=3`: Socket.IO 1 and 2) are let in. Default no. See
    /// [`Io::allow_eio3`](crate::Io::allow_eio3).
    pub allow_eio3: bool,
    /// Whether sessions may be opened over EventSource: packets down as server-sent events, and up with POSTs. Default no. For
    /// clients with `koio/js/transports.mjs`; see [`koio::js`](crate::js).
    pub event_source: bool,
    /// Bytes of sent packets, and 64 more for each, that a session over EventSource keeps until its client has said that it has
    /// them. Default 64 KiB; may be zero. They are sent again to a client whose stream has ended, and that comes back within
    /// [`poll_again_timeout`](Self::poll_again_timeout) (a proxy ends a stream after some time). If the client has missed more
    /// than is kept, the session ends with a transport error
    /// ([`CloseReason::TransportError`](crate::CloseReason::TransportError)), and counts as
    /// [`answers_cut`](crate::observe::Counts::answers_cut): it never goes on with a hole.
    pub event_source_window: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            send_queue_bytes: 1024 * 1024,
            send_queue_hard: 8 * 1024 * 1024,
            write_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(10),
            min_rate: 4_096,
            max_fragments: None,
            close_timeout: Duration::from_secs(30),
            max_sessions: None,
            max_unconnected: 10_000,
            max_unconnected_per_address: None,
            max_unconnected_head_bytes: 64 * 1024 * 1024,
            handshakes_per_second: 100,
            poll_again_timeout: Duration::from_secs(5),
            #[cfg(any(test, feature = "compression"))]
            per_message_deflate: None,
            polling: true,
            websocket: true,
            allow_upgrades: true,
            allow_eio3: false,
            event_source: false,
            event_source_window: 64 * 1024,
        }
    }
}

impl EngineConfig {
    /// How messages are compressed for clients that take them so.
    #[inline]
    pub(crate) fn deflate(&self) -> Option<PerMessageDeflate> {
        #[cfg(any(test, feature = "compression"))]
        return self.per_message_deflate;
        #[cfg(not(any(test, feature = "compression")))]
        None
    }

    /// The time from one ping of a client of revision 3 to the next.
    pub(crate) fn client_ping_time(&self) -> Duration {
        self.ping_interval + self.ping_timeout
    }

    /// Frames that one WebSocket message may be cut into.
    pub(crate) fn fragments(&self) -> usize {
        let followed = (self.max_payload / 64).clamp(1_024, 131_072);
        self.max_fragments.unwrap_or(followed)
    }

    /// Bytes of one polling body. A binary message grows by a third, since it comes as base64, and other packets may come with
    /// it; each packet by itself is held to `max_payload`.
    pub(crate) fn max_body(&self) -> u64 {
        let base64 = self.max_payload.div_ceil(3).saturating_mul(4);
        base64.saturating_add(BODY_OVERHEAD) as u64
    }

    /// How a message must get on while it arrives.
    pub(crate) fn message_pace(&self) -> Pace {
        Pace {
            pause: self.message_timeout,
            min_rate: Some(self.min_rate),
        }
    }

    /// The time in which a client as slow as `min_rate` receives so many bytes.
    pub(crate) fn transfer_time(&self, bytes: usize) -> Duration {
        let seconds = bytes.checked_div(self.min_rate).unwrap_or_default();
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))
    }

    /// Refuses limits that contradict themselves, before the first client connects.
    pub(crate) fn check(&self) -> Result<(), BadConfig> {
        let refuse = |name, why| Err(BadConfig { name, why });
        for (name, time) in [
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
            ("upgrade_timeout", self.upgrade_timeout),
            ("write_timeout", self.write_timeout),
            ("message_timeout", self.message_timeout),
            ("close_timeout", self.close_timeout),
            ("poll_again_timeout", self.poll_again_timeout),
        ] {
            if time.is_zero() {
                return refuse(name, "is zero, which would end every session at once");
            }
            if time > Duration::from_secs(86_400 * 365) {
                return refuse(name, "is longer than a year");
            }
        }
        if self.max_payload < 1_024 {
            return refuse("max_payload", "is below 1,024 bytes");
        }
        if self.max_payload > 1 << 30 {
            return refuse("max_payload", "is above 1 GiB");
        }
        if self.send_queue_bytes == 0 {
            return refuse("send_queue_bytes", "is zero: no emit would be accepted");
        }
        if self.send_queue_hard == 0 {
            return refuse("send_queue_hard", "is zero: no broadcast would be accepted");
        }
        if self.min_rate == 0 {
            return refuse(
                "min_rate",
                "is zero, which would let a message take for ever",
            );
        }
        if self.max_fragments == Some(0) {
            return refuse("max_fragments", "is zero");
        }
        for (name, count) in [
            ("max_sessions", self.max_sessions.unwrap_or(1)),
            ("max_unconnected", self.max_unconnected),
            (
                "max_unconnected_per_address",
                self.max_unconnected_per_address.unwrap_or(1),
            ),
            ("handshakes_per_second", self.handshakes_per_second as usize),
        ] {
            if count == 0 {
                return refuse(name, "is zero, which would refuse every client");
            }
        }
        if self.max_unconnected_head_bytes < 64 * 1024 {
            return refuse(
                "max_unconnected_head_bytes",
                "is below 64 KiB, the longest head of one request",
            );
        }
        #[cfg(any(test, feature = "compression"))]
        if let Some((name, why)) = self.deflate().and_then(PerMessageDeflate::contradiction) {
            return refuse(name, why);
        }
        if !self.polling && !self.websocket && !self.event_source {
            return refuse("transports", "are all switched off");
        }
        Ok(())
    }
}

/// How often a busy connection is tried within `write_timeout`.
const TRIES: u32 = 8;

/// How long it takes until a connection is tried again that is busy: by a session's task, and for the answer to a poll.
pub(crate) fn between_tries(write_timeout: Duration) -> Duration {
    // 1 ms at least: with a `write_timeout` of nanoseconds there would be a try at every time.
    (write_timeout / TRIES).max(Duration::from_millis(1))
}

/// A limit that contradicts itself or another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadConfig {
    name: &'static str,
    why: &'static str,
}

impl BadConfig {
    pub(crate) const fn new(name: &'static str, why: &'static str) -> Self {
        Self { name, why }
    }
}

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the limit `{}` {}", self.name, self.why)
    }
}

impl std::error::Error for BadConfig {}
