//! All limits of a server in one value.

use std::time::Duration;

use crate::{
    engine::{BadConfig, EngineConfig},
    socket::SocketConfig,
};

/// All limits of a server. See [`Io::config`](crate::Io::config).
///
/// A zero never switches a limit off. Zeros that no server could work with, and limits that contradict each other, are
/// refused at the start.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Sessions: heartbeat, payload, queues.
    pub engine: EngineConfig,
    /// Sockets: namespaces, rooms, acks, handlers.
    pub socket: SocketConfig,
    /// Time that the head of an HTTP request may take on koio's own listener. Default 10 s; then the connection
    /// is closed.
    pub header_timeout: Duration,
    /// Time that [`Io::listen`](crate::Io::listen) gives its clients and handlers after Ctrl-C. Default 30 s;
    /// then the sessions that are left are closed.
    pub shutdown_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: EngineConfig::default(),
            socket: SocketConfig::default(),
            header_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        self.engine.check()?;
        self.socket.check()?;
        if self.header_timeout.is_zero() {
            return Err(BadConfig::new("header_timeout", "is zero"));
        }
        if self.socket.packets.attachment_bytes > self.engine.max_payload.saturating_mul(16) {
            return Err(BadConfig::new(
                "packets.attachment_bytes",
                "is above sixteen times max_payload, so a few clients could fill the memory",
            ));
        }
        Ok(())
    }
}
