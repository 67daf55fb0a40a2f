//! The limits of sockets.

use std::time::Duration;

use super::recovery::Recovery;
use crate::{
    engine::BadConfig,
    wire::{PacketLimits, Parser},
};

/// The limits of Socket.IO sockets, with their defaults.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Time that a client has to connect to a namespace, its first, and again when it has left the last; and that the middleware
    /// around `connection` has to decide. Default 10 s. A client that has not asked by then is closed
    /// ([`ForcedServerClose`](crate::CloseReason::ForcedServerClose)). A CONNECT that is not decided is refused, and its
    /// middleware dropped; the client may ask again. At most
    /// [`max_unconnected`](crate::engine::EngineConfig::max_unconnected) sessions are without a namespace.
    pub connect_timeout: Duration,
    /// Events of one socket that may run or wait for its handlers. Default 256. Those beyond count in `read_ahead`. A client
    /// whose CONNECT is undecided is not read beyond this, or `event_queue_bytes`, for all its undecided namespaces together.
    pub event_queue: usize,
    /// Bytes of those events: for each its text, its attachments and about 200 bytes. Default 1 MiB, which one event may
    /// exceed. Those beyond count in `read_ahead`.
    pub event_queue_bytes: usize,
    /// Bytes of the events of one connection, all its namespaces together, that may wait beyond `event_queue` and
    /// `event_queue_bytes`; counted as those. Default 4 MiB, which one event may exceed. Everything else is taken on the
    /// way: acks, disconnects, pongs, and the events of other sockets. At the limit the connection is not read until
    /// handlers have finished, and the ping timeout is suspended; an emit with ack whose time runs out meanwhile says so.
    pub read_ahead: usize,
    /// Time that handlers may go on running after their socket has closed, those of events that were queued
    /// included. Default 10 s. Then the running handler and the queued events are dropped. The disconnect handler has
    /// the same time again. At a shutdown the handlers of other servers' events have it when all sockets have closed.
    pub handler_grace: Duration,
    /// Emits with ack to one socket that may be unanswered at once. Default 1,024. At the limit an emit with ack fails
    /// as [full](crate::Error::is_full).
    pub pending_acks: usize,
    /// Time that an emit with ack waits for the answer, if it names no other. Default 10 s.
    pub ack_timeout: Duration,
    /// Namespaces that one client may be in at once. Default 32. At the limit CONNECT is refused.
    pub namespaces: usize,
    /// Rooms that one socket may be in at once. Default 1,000. At the limit `join` fails.
    pub rooms: usize,
    /// Bytes of a room's name. Default 255. Above it `join` fails.
    pub room_name: usize,
    /// Events of other servers of a [cluster](crate::Io::cluster) ([`Io::on_server_side`](crate::Io::on_server_side)) whose
    /// handlers may run or wait to start at once. Default 1,024. At the limit an event is dropped and counted
    /// ([`server_events_dropped`](crate::observe::Counts::server_events_dropped)), and a server of koio's that waits for its
    /// answer is told [`overloaded`](crate::Error::OVERLOADED).
    pub server_events: usize,
    /// What may be added to one socket while it is connected, of each kind: [listeners](crate::Socket::on),
    /// [middleware](crate::Socket::wrap), and observers of [what comes](crate::Socket::on_any) and of
    /// [what is sent](crate::Socket::on_any_outgoing); and to each declared namespace or pattern while the server runs
    /// ([`IoHandle::on`](crate::IoHandle::on) and its siblings). Default 256. At the limit adding one more fails.
    pub listeners: usize,
    /// Keys of events that are handled once (`#[on(.., once_by = "/0/id")]`) that one session remembers, those of events that run
    /// included. Default 1,024. Above it the oldest that is answered is forgotten, and counted
    /// ([`once_forgotten`](crate::observe::Counts::once_forgotten)): one more try of it would run. An event that runs is
    /// forgotten only where all run.
    pub once_keys: usize,
    /// Bytes of the answers to those events, and of their keys. Default 256 KiB. Above it the oldest are forgotten as above
    /// [`once_keys`](Self::once_keys); an answer that is longer by itself is not kept. Sessions that wait for their clients have a
    /// limit [together](crate::recovery::Recovery::server_bytes).
    pub once_bytes: usize,
    /// What packets look like on the wire. Default [`Parser::Json`]. See [`Io::parser`](crate::Io::parser).
    pub parser: Parser,
    /// The limits of incoming packets.
    pub packets: PacketLimits,
    /// Whether clients may come back as the same sockets after a lost connection. Default `None`: they may not. See
    /// [`Io::recovery`](crate::Io::recovery).
    pub recovery: Option<Recovery>,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            event_queue: 256,
            event_queue_bytes: 1024 * 1024,
            read_ahead: 4 * 1024 * 1024,
            handler_grace: Duration::from_secs(10),
            pending_acks: 1_024,
            ack_timeout: Duration::from_secs(10),
            namespaces: 32,
            rooms: 1_000,
            room_name: 255,
            server_events: 1_024,
            listeners: 256,
            once_keys: 1_024,
            once_bytes: 256 * 1024,
            parser: Parser::default(),
            packets: PacketLimits::default(),
            recovery: None,
        }
    }
}

impl SocketConfig {
    /// Checked before the server starts.
    pub(crate) fn check(&self) -> Result<(), BadConfig> {
        for (name, time) in [
            ("connect_timeout", self.connect_timeout),
            ("ack_timeout", self.ack_timeout),
        ] {
            if time.is_zero() {
                return Err(BadConfig::new(name, "is zero"));
            }
        }
        for (name, count) in [
            ("event_queue", self.event_queue),
            ("event_queue_bytes", self.event_queue_bytes),
            ("read_ahead", self.read_ahead),
            ("pending_acks", self.pending_acks),
            ("namespaces", self.namespaces),
            ("server_events", self.server_events),
            ("once_keys", self.once_keys),
            ("once_bytes", self.once_bytes),
        ] {
            if count == 0 {
                return Err(BadConfig::new(name, "is zero"));
            }
        }
        Ok(())
    }
}
