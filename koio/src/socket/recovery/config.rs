//! What a program says about recovery.

use std::time::Duration;

use crate::engine::{BadConfig, EngineConfig};

/// The least that `Recovery::namespace_bytes` may be.
const MIN_BYTES: usize = 4 * 1024;

/// Lets clients whose connection is lost come back as the same socket, and miss nothing (Socket.IO's connection state
/// recovery). Off by default; see [`Io::recovery`](crate::Io::recovery).
///
/// A client that returns in time has the id, the rooms and the [`data`](crate::Socket::data) of before, and is sent the events
/// that it has missed, in their order and ahead of any new one. [`Socket::recovered`](crate::Socket::recovered) says so: then
/// there is no gap and no duplicate. In every other case the client is connected as a new one.
///
/// ```
/// # use koio::{Io, recovery::Recovery};
/// # use std::time::Duration;
/// let io = Io::new().recovery(Recovery::new(Duration::from_secs(120)));
/// ```
///
/// All that is sent is kept in memory for a while, within the limits below. At a limit the oldest goes first, and what it was
/// for is remembered: only a client that has missed it is connected as a new one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recovery {
    /// How long a lost client may be away, from when the server notices the loss.
    pub(in crate::socket) time: Duration,
    pub(in crate::socket) skips_middleware: bool,
    pub(in crate::socket) namespace_bytes: usize,
    pub(in crate::socket) server_bytes: usize,
    pub(in crate::socket) waiting_sessions: usize,
}

impl Recovery {
    /// A client may be away for so long, from when the server notices that its connection is lost; neither zero nor more than a
    /// year. Then its session expires (see [`Io::on_session_expired`](crate::Io::on_session_expired)).
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            skips_middleware: false,
            namespace_bytes: 4 * 1024 * 1024,
            server_bytes: 64 * 1024 * 1024,
            waiting_sessions: 10_000,
        }
    }

    /// A client that returns passes no middleware and no tower layer; its `connection` handler runs all the same. That is the
    /// default of Socket.IO's own server. By default koio runs them again, so that a login that has expired meanwhile does not
    /// come back.
    #[must_use]
    pub fn skip_middleware(mut self) -> Self {
        self.skips_middleware = true;
        self
    }

    /// Bytes of the events that are kept for one namespace: of each its packet and about 200 bytes. Default 4 MiB; at least
    /// 4 KiB, and at most half of [`send_queue_hard`](crate::config::EngineConfig::send_queue_hard), since a client may be sent
    /// all of them at once. At the limit the oldest are dropped; a client that has missed one of them is not recovered.
    #[must_use]
    pub fn namespace_bytes(mut self, bytes: usize) -> Self {
        self.namespace_bytes = bytes;
        self
    }

    /// Bytes of the events that are kept for all namespaces together. Default 64 MiB; at least `namespace_bytes`. At the limit
    /// each event drops the oldest ones of its own namespace.
    ///
    /// The answers to [events that are handled once](macro@crate::on#handled-once) have as many beside them, of all sessions that
    /// wait for their clients: each counts its key, its answer, and about 250 bytes. At the limit a session that begins to wait
    /// forgets the oldest of its own, which is [counted](crate::observe::Counts::once_forgotten).
    #[must_use]
    pub fn server_bytes(mut self, bytes: usize) -> Self {
        self.server_bytes = bytes;
        self
    }

    /// Sessions that may wait for their clients. Default 10,000; not zero. At the limit the session that would expire next does
    /// so at once, which is logged and [counted](crate::observe::Counts::sessions_expired).
    #[must_use]
    pub fn waiting_sessions(mut self, sessions: usize) -> Self {
        self.waiting_sessions = sessions;
        self
    }

    /// Why a client that has missed something is connected as a new one.
    pub(in crate::socket) fn gap(&self) -> String {
        format!(
            "an event that it has missed is gone (recovery.namespace_bytes {}, recovery.server_bytes {})",
            self.namespace_bytes, self.server_bytes
        )
    }

    /// Checked before the server starts.
    pub(crate) fn check(&self, engine: &EngineConfig) -> Result<(), BadConfig> {
        let year = Duration::from_secs(86_400 * 365);
        if self.time.is_zero() || self.time > year {
            return Err(BadConfig::new("recovery", "is zero, or more than a year"));
        }
        if self.waiting_sessions == 0 {
            return Err(BadConfig::new("recovery.waiting_sessions", "is zero"));
        }
        if self.namespace_bytes < MIN_BYTES {
            return Err(BadConfig::new(
                "recovery.namespace_bytes",
                "is less than 4 KiB",
            ));
        }
        if self.server_bytes < self.namespace_bytes {
            return Err(BadConfig::new(
                "recovery.server_bytes",
                "is less than recovery.namespace_bytes",
            ));
        }
        if self.namespace_bytes > engine.send_queue_hard / 2 {
            return Err(BadConfig::new(
                "recovery.namespace_bytes",
                "is more than half of send_queue_hard, so a client that returns could be closed by what it has missed",
            ));
        }
        Ok(())
    }
}
