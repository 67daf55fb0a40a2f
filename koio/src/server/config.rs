//! All limits of a server in one value.

use std::time::Duration;

use crate::{
    engine::{BadConfig, EngineConfig},
    socket::SocketConfig,
    transport::HttpTimeouts,
    wire::Parser,
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
    /// Time that the head of an HTTP request may take on koio's own listener, from its first byte; and time that a new
    /// connection may take for its first request. Default 10 s; then the connection is closed.
    pub header_timeout: Duration,
    /// Time that a connection of koio's own listener may be idle behind an answer. Default 75 s; then it is closed. It should
    /// be longer than a balancer in front keeps idle connections (60 s in nginx and at most clouds): one that the server
    /// closes first costs the balancer a request.
    pub keep_alive_timeout: Duration,
    /// Time without any progress in writing an answer of the [attached](crate::Io::attach) service. Default 60 s; then the
    /// connection is closed. For koio's own answers it is
    /// [`write_timeout`](crate::engine::EngineConfig::write_timeout).
    pub attached_write_timeout: Duration,
    /// Time that the function given to [`Io::allow_request`](crate::Io::allow_request) may take for one request. Default 10 s; then
    /// its future is dropped and the request answered 503. The official clients wait 20 s for a connection.
    pub allow_request_timeout: Duration,
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
            keep_alive_timeout: Duration::from_secs(75),
            attached_write_timeout: Duration::from_secs(60),
            allow_request_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// The deadlines of connections.
    pub(super) fn http_timeouts(&self) -> HttpTimeouts {
        HttpTimeouts {
            header: self.header_timeout,
            keep_alive: self.keep_alive_timeout,
            write: self.engine.write_timeout,
            attached_write: self.attached_write_timeout,
        }
    }

    pub(super) fn check(&self) -> Result<(), BadConfig> {
        self.engine.check()?;
        self.socket.check()?;
        if self.engine.allow_eio3 && self.socket.parser != Parser::Json {
            return Err(BadConfig::new(
                "allow_eio3",
                "contradicts the parser: clients of Socket.IO 2 speak JSON",
            ));
        }
        if let Some(recovery) = &self.socket.recovery {
            recovery.check(&self.engine)?;
        }
        for (name, time) in [
            ("header_timeout", self.header_timeout),
            ("keep_alive_timeout", self.keep_alive_timeout),
            ("attached_write_timeout", self.attached_write_timeout),
            ("allow_request_timeout", self.allow_request_timeout),
        ] {
            if time.is_zero() {
                return Err(BadConfig::new(name, "is zero"));
            }
        }
        let most = self.engine.max_payload.saturating_mul(16);
        if self
            .socket
            .packets
            .attachment_bytes
            .is_some_and(|bytes| bytes > most)
        {
            return Err(BadConfig::new(
                "packets.attachment_bytes",
                "is above sixteen times max_payload, so a few clients could fill the memory",
            ));
        }
        Ok(())
    }
}
