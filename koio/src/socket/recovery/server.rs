//! What the recovery of one server consists of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    config::Recovery,
    log::{LogLimits, NamespaceLog},
    table::SessionTable,
};
use crate::{engine::EngineConfig, ids::Epoch, socket::once::AwayBytes, wire::PerMessageDeflate};

/// The sessions of one server that may be recovered, and the limits of its logs.
#[derive(Debug)]
pub(in crate::socket) struct ServerRecovery<S, N> {
    pub(in crate::socket) config: Recovery,
    /// How events are compressed for clients that take them so.
    pub(in crate::socket) deflate: Option<PerMessageDeflate>,
    pub(in crate::socket) table: Mutex<SessionTable<S, N>>,
    /// How long events are kept: the time that a session may wait, and the time until its loss is noticed.
    pub(in crate::socket) keep: Duration,
    /// The bytes that all logs hold.
    held: Arc<AtomicUsize>,
    /// What the sessions that wait remember of events that are handled once.
    pub(in crate::socket) once: Arc<AwayBytes>,
    /// Wakes the task that lets sessions expire.
    pub(in crate::socket) sweep: Arc<Notify>,
    /// Whether a task trims the logs of namespaces that are followed.
    pub(in crate::socket) is_trimmed: AtomicBool,
    /// The server has shut down: no session waits any more.
    pub(in crate::socket) has_ended: AtomicBool,
    /// Notified when the sessions that waited then have expired.
    pub(in crate::socket) ended: Notify,
}

impl<S, N> ServerRecovery<S, N> {
    pub(in crate::socket) fn new(config: Recovery, engine: &EngineConfig) -> Self {
        let noticed = engine.ping_interval + engine.ping_timeout;
        Self {
            keep: config.time + noticed + engine.write_timeout,
            once: Arc::new(AwayBytes::up_to(config.server_bytes)),
            config,
            deflate: engine.deflate(),
            table: Mutex::default(),
            held: Arc::default(),
            sweep: Arc::default(),
            is_trimmed: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            ended: Notify::new(),
        }
    }

    /// The log of a new namespace.
    pub(in crate::socket) fn new_log(&self) -> NamespaceLog {
        let limits = LogLimits {
            namespace_bytes: self.config.namespace_bytes,
            server_bytes: self.config.server_bytes,
            held: Arc::clone(&self.held),
        };
        NamespaceLog::new(Epoch::fresh(), limits)
    }
}
