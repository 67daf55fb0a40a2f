//! The server as everybody sees it: its namespaces, and emits to them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::{Emit, Socket, SocketConfig};
use crate::{
    Result,
    adapter::Rooms,
    engine::{CloseReason, Engine, Sessions},
    ids::{Room, SocketId},
    observe::{Counts, Observers},
    wire::PacketLimits,
};

/// What all connections of one server share, and every handle.
///
/// It holds neither the users' handlers nor their states: those have handles to it in their turn. They live with
/// whoever serves requests, and with the open sessions.
pub(crate) struct ServerCore {
    /// `/`, which every handler's `ctx.io()` names.
    root: Arc<str>,
    namespaces: RwLock<HashMap<Arc<str>, Arc<LiveNamespace>>>,
    started: OnceLock<RunningServer>,
    defaults: SocketConfig,
    pub(crate) observers: Observers,
    /// Tells closing connections that their handlers are out of time.
    pub(super) abort: Arc<Notify>,
    /// Turns true when a shutdown has ended.
    stopped: watch::Sender<bool>,
}

struct RunningServer {
    config: SocketConfig,
    /// Of the config, as each connection has them.
    packets: Arc<PacketLimits>,
    /// Weak, since the engine holds this. Needed to end the server only: when it is gone, there is nothing to end.
    sessions: Weak<Sessions>,
}

/// One namespace while the server runs.
#[derive(Debug)]
pub(crate) struct LiveNamespace {
    pub(super) name: Arc<str>,
    pub(super) rooms: Rooms<Socket>,
    acks: AtomicU64,
}

impl LiveNamespace {
    /// Ids of acks that are waited for. One counter for the namespace, as in the reference.
    pub(super) fn next_ack(&self) -> u64 {
        self.acks.fetch_add(1, Ordering::Relaxed)
    }
}

impl ServerCore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            root: "/".into(),
            namespaces: RwLock::default(),
            started: OnceLock::new(),
            defaults: SocketConfig::default(),
            observers: Observers::default(),
            abort: Arc::new(Notify::new()),
            stopped: watch::Sender::new(false),
        })
    }

    /// From here on clients are served. False if that was so before.
    pub(crate) fn start(&self, config: SocketConfig, engine: &Engine) -> bool {
        let started = RunningServer {
            packets: Arc::new(config.packets.clone()),
            config,
            sessions: engine.weak_sessions(),
        };
        self.started.set(started).is_ok()
    }

    pub(super) fn packets(&self) -> Arc<PacketLimits> {
        let started = self.started.get();
        started.map_or_else(Arc::default, |started| Arc::clone(&started.packets))
    }

    pub(super) fn config(&self) -> &SocketConfig {
        self.started
            .get()
            .map_or(&self.defaults, |started| &started.config)
    }

    fn sessions(&self) -> Option<Arc<Sessions>> {
        self.started.get()?.sessions.upgrade()
    }

    /// The namespace, if anybody has connected to it.
    pub(super) fn find(&self, name: &str) -> Option<Arc<LiveNamespace>> {
        let namespaces = self.namespaces.read();
        let namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
        namespaces.get(name).cloned()
    }

    /// Puts a socket into a namespace, which is made when the first comes. Only declared ones get here.
    ///
    /// `add` makes the socket a member. Whoever ends the namespace can't come in between.
    pub(super) fn enter(
        &self,
        name: &str,
        add: impl FnOnce(Arc<LiveNamespace>) -> Socket,
    ) -> Socket {
        let namespaces = self.namespaces.read();
        let namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = namespaces.get(name) {
            return add(Arc::clone(namespace));
        }
        drop(namespaces);
        let namespaces = self.namespaces.write();
        let mut namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = name.into();
        let namespace = namespaces.entry(Arc::clone(&name)).or_insert_with(|| {
            Arc::new(LiveNamespace {
                name,
                rooms: Rooms::default(),
                acks: AtomicU64::new(0),
            })
        });
        add(Arc::clone(namespace))
    }

    /// Ends a namespace that the last socket has left: of patterned ones there may be any number. `/` stays.
    pub(super) fn tidy(&self, namespace: &LiveNamespace) {
        if namespace.name == self.root || !namespace.rooms.is_empty() {
            return;
        }
        let namespaces = self.namespaces.write();
        let mut namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
        // Somebody may have entered it meanwhile.
        if namespaces
            .get(&namespace.name)
            .is_some_and(|live| live.rooms.is_empty())
        {
            namespaces.remove(&namespace.name);
        }
    }
}

/// The server, from anywhere: from a handler ([`Context::io`](crate::Context::io)), from another task, before it
/// has started. Cloning costs two reference counts.
///
/// It speaks to one namespace: `/` unless [`of`](Self::of) names another. Emits go to the sockets that are
/// connected now; before the start there are none.
#[derive(Clone)]
pub struct IoHandle {
    core: Arc<ServerCore>,
    namespace: Arc<str>,
}

/// What became of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions that ended in time, their handlers included.
    pub clean: usize,
    /// Sessions that were cut at the deadline, or whose handlers were dropped.
    pub forced: usize,
}

impl IoHandle {
    pub(crate) fn root(core: Arc<ServerCore>) -> Self {
        let namespace = Arc::clone(&core.root);
        Self { core, namespace }
    }

    pub(crate) fn core(&self) -> &Arc<ServerCore> {
        &self.core
    }

    fn everybody(&self) -> Emit {
        Emit::new(Arc::clone(&self.core), Arc::clone(&self.namespace))
    }

    /// The same server, speaking to another namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Self {
        let namespace = if namespace.starts_with('/') {
            namespace.into()
        } else {
            format!("/{namespace}").into()
        };
        Self {
            core: Arc::clone(&self.core),
            namespace,
        }
    }

    /// The namespace that this handle speaks to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Sends an event to everybody in the namespace.
    ///
    /// # Errors
    /// As [`Emit::emit`]: only what is the caller's fault.
    pub fn broadcast(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.everybody().emit(event, args)
    }

    /// Sends an event to everybody in the namespace: Socket.IO's word for [`broadcast`](Self::broadcast).
    ///
    /// # Errors
    /// As [`Emit::emit`].
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.broadcast(event, args)
    }

    /// An emit to a room, or to a socket by its id.
    ///
    /// Where the room's name is text that came from a client, the client chooses the room, somebody's own room
    /// included: look it up first.
    pub fn to(&self, room: impl Into<Room>) -> Emit {
        self.everybody().to(room)
    }

    /// An emit to everybody but those in `room`.
    pub fn except(&self, room: impl Into<Room>) -> Emit {
        self.everybody().except(room)
    }

    /// An emit to everybody that is dropped for those who can't take it at once; see [`Emit::volatile`].
    pub fn volatile(&self) -> Emit {
        self.everybody().volatile()
    }

    /// An emit to everybody on this node only; see [`Emit::local`].
    pub fn local(&self) -> Emit {
        self.everybody().local()
    }

    /// An emit with another time to wait for its answer; see [`Emit::timeout`].
    pub fn timeout(&self, time: Duration) -> Emit {
        self.everybody().timeout(time)
    }

    /// The sockets that are connected to the namespace now.
    pub async fn fetch_sockets(&self) -> Vec<Socket> {
        self.everybody().fetch_sockets().await
    }

    /// The socket of this id, if it is connected to the namespace.
    #[must_use]
    pub fn socket(&self, id: SocketId) -> Option<Socket> {
        let socket = self.core.find(&self.namespace)?.rooms.get(&id)?;
        socket.is_connected().then_some(socket)
    }

    /// What the server has dropped, refused or ended so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.core.observers.counts()
    }

    /// Ends the server in order: new clients are refused (503), every session is closed after what is queued
    /// for it has been sent, and handlers that run may finish. Clients are not told to stay away: they come back
    /// to whoever serves next. The disconnect handlers see
    /// [`ServerShuttingDown`](CloseReason::ServerShuttingDown).
    ///
    /// Resolves when all of that is done, at the latest at the deadline: then what is left is cut, and its
    /// handlers are dropped. A second call may set an earlier deadline. Before the start it does nothing, nor
    /// when nobody serves any more and no session is open.
    ///
    /// # Cancel safety
    /// Dropping the future lifts the deadline and nothing else: the server takes nobody new, sessions close as fast
    /// as their clients and handlers let them, and [`Server::run`](crate::Server::run) goes on. Call it again.
    pub async fn shutdown(&self, deadline: Duration) -> Drained {
        let Some(sessions) = self.core.sessions() else {
            // Nothing is remembered either: a server that starts later is not one that has ended.
            return Drained {
                clean: 0,
                forced: 0,
            };
        };
        let drained = self.drain(&sessions, deadline).await;
        self.core.stopped.send_replace(true);
        drained
    }

    /// Tells when a shutdown has ended.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.core.stopped.subscribe()
    }

    async fn drain(&self, sessions: &Sessions, deadline: Duration) -> Drained {
        sessions.refuse();
        let all = sessions.tasks();
        tracing::info!(sessions = all, ?deadline, "shutting down");
        sessions.close_all(CloseReason::ServerShuttingDown);
        let in_time = tokio::time::timeout(deadline, sessions.drained()).await;
        let forced = if in_time.is_ok() { 0 } else { sessions.tasks() };
        if forced > 0 {
            tracing::warn!(sessions = forced, "cut at the deadline");
            sessions.cut_all(CloseReason::ServerShuttingDown);
            // The waiters that exist now are told; a connection that begins to close later looks at the flag.
            self.core.abort.notify_waiters();
            // Cutting is local work: it takes as long as the tasks take to get a turn.
            let _ = tokio::time::timeout(Duration::from_secs(1), async {
                loop {
                    let drained =
                        tokio::time::timeout(Duration::from_millis(10), sessions.drained());
                    if drained.await.is_ok() {
                        break;
                    }
                    self.core.abort.notify_waiters();
                }
            })
            .await;
        }
        Drained {
            clean: all.saturating_sub(forced),
            forced,
        }
    }
}

impl fmt::Debug for IoHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoHandle")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
