//! Where a server under test listens.

use std::net::SocketAddr;

/// A server and the path that it answers on.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The address to connect to.
    pub addr: SocketAddr,
    /// The path with its slashes: `/socket.io/`.
    pub path: &'static str,
}

impl Target {
    /// A Socket.IO server at its usual path.
    pub fn socket_io(addr: SocketAddr) -> Self {
        Self {
            addr,
            path: "/socket.io/",
        }
    }

    /// A raw Engine.IO server at its usual path.
    pub fn engine_io(addr: SocketAddr) -> Self {
        Self {
            addr,
            path: "/engine.io/",
        }
    }

    /// The path with this query.
    pub fn with(&self, query: &str) -> String {
        format!("{}?{query}", self.path)
    }

    /// What opens a polling session.
    pub fn polling(&self) -> String {
        self.with("EIO=4&transport=polling")
    }

    /// What a polling session asks for.
    pub fn polling_of(&self, sid: &str) -> String {
        self.with(&format!("EIO=4&transport=polling&sid={sid}"))
    }

    /// What opens a WebSocket session.
    pub fn websocket(&self) -> String {
        self.with("EIO=4&transport=websocket")
    }

    /// What upgrades the session `sid` to WebSocket.
    pub fn websocket_of(&self, sid: &str) -> String {
        self.with(&format!("EIO=4&transport=websocket&sid={sid}"))
    }
}
