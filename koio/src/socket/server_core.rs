//! What all connections and handles of one server share.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{
    SocketConfig, declared::DeclaredNamespaces, error::not_sent, namespace::LocalNode,
    recovery::ServerRecovery,
};
use crate::{
    Result,
    adapter::Adapter,
    engine::{Engine, Sessions},
    wire::{Draft, PacketLimits, Parser},
};

/// One server.
///
/// It holds neither the handlers nor their states, which may hold a handle to it: those belong to the service and to
/// the open sessions. `M` is the type of its sockets, as in [`LocalNode`].
pub(crate) struct ServerCore<M> {
    pub(crate) local: Arc<LocalNode<M>>,
    /// Set when the server joins a cluster.
    cluster: OnceLock<Arc<dyn Adapter>>,
    running: OnceLock<RunningServer>,
    /// Set at the start. Names only: the handlers belong to the service.
    declared: OnceLock<DeclaredNamespaces>,
    /// Whether it was logged that an emit was most likely meant for another namespace.
    misdirected: AtomicBool,
    defaults: SocketConfig,
    /// Notified when handlers are out of time at a shutdown.
    pub(super) abort: Arc<Notify>,
    /// Turns true when a shutdown has ended. Every HTTP connection of the server has a receiver.
    pub(super) stopped: watch::Sender<bool>,
    /// The earliest deadline of a shutdown.
    pub(super) stop_by: Mutex<Option<Instant>>,
}

struct RunningServer {
    config: SocketConfig,
    /// A copy of those in `config`, shared by all connections.
    packets: Arc<PacketLimits>,
    /// Weak, since the sessions hold the core.
    sessions: Weak<Sessions>,
}

impl<M> ServerCore<M> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            local: Arc::new(LocalNode::new()),
            cluster: OnceLock::new(),
            running: OnceLock::new(),
            declared: OnceLock::new(),
            misdirected: AtomicBool::new(false),
            defaults: SocketConfig::default(),
            abort: Arc::new(Notify::new()),
            stopped: watch::Sender::new(false),
            stop_by: Mutex::default(),
        })
    }

    /// Sets the limits and the sessions of the running server. False if it was started before.
    pub(crate) fn start(&self, config: SocketConfig, engine: &Engine) -> bool {
        if let Some(recovery) = &config.recovery {
            let recovery = ServerRecovery::new(recovery.clone(), engine.config());
            // A server starts once.
            let _ = self.local.recovery.set(recovery);
        }
        if config.parser != Parser::Json {
            let _ = self.local.other_parser.set(config.parser);
        }
        let running = RunningServer {
            packets: Arc::new(config.packets.clone()),
            config,
            sessions: engine.weak_sessions(),
        };
        self.running.set(running).is_ok()
    }

    /// Sets the namespaces that clients may connect to, at the start.
    pub(crate) fn declare(&self, namespaces: DeclaredNamespaces) {
        // A server starts once.
        let _ = self.declared.set(namespaces);
    }

    /// The namespaces that clients may connect to; `None` before the start.
    pub(super) fn declared(&self) -> Option<&DeclaredNamespaces> {
        self.declared.get()
    }

    /// Whether clients may connect to a namespace.
    pub(crate) fn is_declared(&self, namespace: &str) -> bool {
        self.declared()
            .is_some_and(|declared| declared.contains(namespace))
    }

    /// Whether each event has a position in the order of its namespace.
    pub(crate) fn keeps_order(&self) -> bool {
        self.local.recovery.get().is_some()
    }

    /// Whether a misdirected emit is the first.
    pub(super) fn first_misdirected(&self) -> bool {
        !self.misdirected.swap(true, Ordering::Relaxed)
    }

    pub(super) fn packets(&self) -> Arc<PacketLimits> {
        let running = self.running.get();
        running.map_or_else(Arc::default, |running| Arc::clone(&running.packets))
    }

    /// What packets look like on the wire.
    #[inline]
    pub(super) fn parser(&self) -> Parser {
        self.local.parser()
    }

    /// Whether clients can be sent this event.
    #[inline]
    pub(super) fn check_packet(&self, draft: &Draft, namespace: &str) -> Result<()> {
        self.parser().check(draft, namespace).map_err(not_sent)
    }

    pub(super) fn config(&self) -> &SocketConfig {
        self.running
            .get()
            .map_or(&self.defaults, |running| &running.config)
    }

    /// The sessions, while the engine serves.
    pub(super) fn sessions(&self) -> Option<Arc<Sessions>> {
        self.running.get()?.sessions.upgrade()
    }

    /// From here on emits go to other nodes too. False if the server is in a cluster already.
    pub(crate) fn set_cluster(&self, cluster: Arc<dyn Adapter>) -> bool {
        self.cluster.set(cluster).is_ok()
    }

    /// The cluster that the server is in.
    pub(super) fn cluster(&self) -> Option<&dyn Adapter> {
        self.cluster.get().map(|cluster| &**cluster)
    }
}
