//! The limits of sockets.

use std::time::Duration;

use crate::{engine::BadConfig, wire::PacketLimits};

/// The limits of Socket.IO sockets, with their defaults.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Time that a client has to connect to its first namespace. Default 10 s. Then its session is closed
    /// ([`ForcedServerClose`](crate::CloseReason::ForcedServerClose)).
    pub connect_timeout: Duration,
    /// Events of one socket that may wait for its handlers. Default 256. At the limit the connection is not
    /// read, all its namespaces included, until a handler has finished; the ping timeout is suspended meanwhile.
    pub event_queue: usize,
    /// Bytes of those events. Default 1 MiB. At the limit as for `event_queue`; a queue exceeds it by one message at
    /// most.
    pub event_queue_bytes: usize,
    /// Time that handlers may go on running after their socket has closed, those of events that were queued
    /// included. Default 10 s. Then the running handler and the queued events are dropped. The disconnect handler has
    /// the same time again.
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
    /// Time from the head of a binary packet to its last attachment. Default 10 s. Then the session is closed
    /// ([`ForcedClose`](crate::CloseReason::ForcedClose)).
    pub attachments_timeout: Duration,
    /// The limits of incoming packets.
    pub packets: PacketLimits,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            event_queue: 256,
            event_queue_bytes: 1024 * 1024,
            handler_grace: Duration::from_secs(10),
            pending_acks: 1_024,
            ack_timeout: Duration::from_secs(10),
            namespaces: 32,
            rooms: 1_000,
            room_name: 255,
            attachments_timeout: Duration::from_secs(10),
            packets: PacketLimits::default(),
        }
    }
}

impl SocketConfig {
    /// Checked before the server starts.
    pub(crate) fn check(&self) -> Result<(), BadConfig> {
        for (name, time) in [
            ("connect_timeout", self.connect_timeout),
            ("ack_timeout", self.ack_timeout),
            ("attachments_timeout", self.attachments_timeout),
        ] {
            if time.is_zero() {
                return Err(BadConfig::new(name, "is zero"));
            }
        }
        for (name, count) in [
            ("event_queue", self.event_queue),
            ("event_queue_bytes", self.event_queue_bytes),
            ("pending_acks", self.pending_acks),
            ("namespaces", self.namespaces),
        ] {
            if count == 0 {
                return Err(BadConfig::new(name, "is zero"));
            }
        }
        Ok(())
    }
}
