//! The handle of a server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::sync::watch;

use super::{
    emit::Emit, namespace::LiveNamespace, remote::RemoteSocket, scope::NamespaceScope,
    server_core::ServerCore, shutdown::Drained, socket::Socket,
};
use crate::{
    Result,
    adapter::Target,
    ids::{IntoRooms, Room, SocketId},
    observe::Counts,
};

/// A handle of the server, for handlers ([`Context::io`](crate::Context::io)) and for other tasks. Cloning costs two
/// reference counts.
///
/// It is for one namespace: `/` unless [`of`](Self::of) names another, or a family of them. Emits go to the sockets that are connected at
/// that moment. A handle may be used before the server starts; then there are none.
#[derive(Clone)]
pub struct IoHandle {
    pub(super) core: Arc<ServerCore<Socket>>,
    pub(super) scope: NamespaceScope<Socket>,
}

impl IoHandle {
    /// What packets look like on the wire.
    #[cfg(feature = "testing")]
    pub(crate) fn parser(&self) -> crate::wire::Parser {
        self.core.parser()
    }

    pub(crate) fn root(core: Arc<ServerCore<Socket>>) -> Self {
        let scope = NamespaceScope::declared(Arc::clone(&core.local.root));
        Self { core, scope }
    }

    fn all(&self) -> Emit {
        Emit::new(Arc::clone(&self.core), self.scope.clone())
    }

    /// The namespaces that this handle is for, as far as they have a socket on this node.
    fn live(&self) -> impl Iterator<Item = Arc<LiveNamespace<Socket>>> + use<> {
        let everybody = Target::default();
        self.core.local.meant(self.scope.destination(&everybody))
    }

    /// A handle of the same server for another namespace. The slash in front of the name may be left out.
    ///
    /// A pattern that was [declared](crate::Io::namespace), `/visitors/{id}`, means its family: all namespaces that it
    /// matches, on every node of a [cluster](crate::Io::cluster). Their rooms of one name are one target there.
    ///
    /// A namespace that this server has not declared holds no client, ever: what is sent there fails
    /// ([`is_no_namespace`](crate::Error::is_no_namespace)). Before the start nothing is declared yet, so that the handle may be
    /// made then; only a name with a comma or a question mark fails at once. One that is declared and empty is no error.
    ///
    /// ```no_run
    /// # use koio::{Context, Result, on};
    /// #[on("closing")]
    /// async fn closing(ctx: Context) -> Result<()> {
    ///     ctx.io().of("/agents").broadcast("closing", ())?;
    ///     ctx.io().of("/visitors/{id}").broadcast("closing", ())
    /// }
    /// ```
    #[must_use]
    pub fn of(&self, namespace: &str) -> Self {
        Self {
            core: Arc::clone(&self.core),
            scope: NamespaceScope::named(namespace, &self.core),
        }
    }

    /// The namespace that this handle is for, or the pattern of its family.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.scope.name
    }

    /// The namespaces of this node, sorted: those that were declared by their name, and those of patterns that have a
    /// socket now.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        let declared = self.core.declared().into_iter();
        let declared = declared.flat_map(|declared| declared.names().cloned());
        let live = self.core.local.live();
        let all: BTreeSet<Arc<str>> = declared.chain(live).collect();
        all.iter().map(|name| (**name).to_owned()).collect()
    }

    /// The rooms of the namespace that have a socket of this node now, sorted. Those of the sockets' own ids are left out:
    /// [`sockets`](Self::sockets) has them.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let rooms = self.live().flat_map(|namespace| namespace.rooms.names());
        let mut rooms: Vec<Room> = rooms.collect();
        rooms.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        rooms.dedup();
        rooms
    }

    /// The [`rooms`](Self::rooms), each with the number of its sockets of this node. Sockets whose CONNECT is not answered yet
    /// count too, if their middleware has put them into a room.
    #[must_use]
    pub fn room_sizes(&self) -> Vec<(Room, usize)> {
        let mut sizes = BTreeMap::<_, (Room, usize)>::new();
        for (room, size) in self.live().flat_map(|namespace| namespace.rooms.sizes()) {
            let key: Box<str> = room.as_str().into();
            sizes.entry(key).or_insert((room, 0)).1 += size;
        }
        sizes.into_values().collect()
    }

    /// How many sockets of this node are connected to the namespace now. Of a room: `io.to(room).count()`.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all().count()
    }

    /// Sends an event to all sockets of the namespace.
    ///
    /// # Errors
    /// As [`Emit::emit`] to many: only for a mistake of the caller's.
    pub fn broadcast(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.all().emit(event, args)
    }

    /// Sends an event to all sockets of the namespace: Socket.IO's name for [`broadcast`](Self::broadcast).
    ///
    /// # Errors
    /// As [`Emit::emit`].
    pub fn emit(&self, event: &str, args: impl Serialize) -> Result<()> {
        self.broadcast(event, args)
    }

    /// An emit to a room or several, or to a socket by its id; see [`Emit::to`].
    ///
    /// Where a room's name is text that came from a client, the client chooses the room, another socket's own room
    /// included: look it up first.
    pub fn to(&self, rooms: impl IntoRooms) -> Emit {
        self.all().to(rooms)
    }

    /// An emit to all sockets but those in the rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Emit {
        self.all().except(rooms)
    }

    /// An emit to all sockets that is dropped for those that can't take it at once; see [`Emit::volatile`].
    pub fn volatile(&self) -> Emit {
        self.all().volatile()
    }

    /// An emit to all sockets that may be compressed, or is not; see [`Emit::compress`].
    pub fn compress(&self, compress: bool) -> Emit {
        self.all().compress(compress)
    }

    /// An emit to the sockets of this node only; see [`Emit::local`].
    pub fn local(&self) -> Emit {
        self.all().local()
    }

    /// An emit with this time to wait for its answers; see [`Emit::timeout`].
    pub fn timeout(&self, time: Duration) -> Emit {
        self.all().timeout(time)
    }

    /// The sockets of this node that are connected to the namespace now.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.all().sockets()
    }

    /// The sockets of all nodes that are connected to the namespace now, described; see [`Emit::fetch_sockets`].
    ///
    /// # Errors
    /// In a [cluster](crate::Io::cluster) only: nodes have not answered in time; see [`Emit::fetch_sockets`].
    ///
    /// # Panics
    /// In a cluster, outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the answer.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>> {
        self.all().fetch_sockets().await
    }

    /// Puts all sockets of the namespace into a room, or into each of a list.
    ///
    /// # Errors
    /// As [`Emit::sockets_join`].
    pub fn sockets_join(&self, rooms: impl IntoRooms) -> Result<()> {
        self.all().sockets_join(rooms)
    }

    /// Takes all sockets of the namespace out of a room, or out of each of a list.
    ///
    /// # Errors
    /// As [`Emit::sockets_leave`].
    pub fn sockets_leave(&self, rooms: impl IntoRooms) -> Result<()> {
        self.all().sockets_leave(rooms)
    }

    /// [Disconnects](Socket::disconnect) all sockets of the namespace.
    ///
    /// # Errors
    /// As [`Emit::disconnect_sockets`].
    pub fn disconnect_sockets(&self) -> Result<()> {
        self.all().disconnect_sockets()
    }

    /// [Disconnects](Socket::disconnect_all) the clients of all sockets of the namespace from all their namespaces, and closes
    /// their connections.
    ///
    /// # Errors
    /// As [`Emit::disconnect_sockets`].
    pub fn disconnect_all(&self) -> Result<()> {
        self.all().disconnect_all()
    }

    /// The socket of this id, if it is connected to the namespace on this node.
    #[must_use]
    pub fn socket(&self, id: SocketId) -> Option<Socket> {
        let socket = (self.live()).find_map(|namespace| namespace.rooms.get(&id))?;
        socket.is_connected().then_some(socket)
    }

    /// What the server has dropped, refused or ended so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.core.local.observers.counts()
    }

    /// Since when this node of a [cluster](crate::Io::cluster) hears no other: the broker has lost its connection, or has had none
    /// since the start. `None` while it is connected, and without a cluster; behind a loss, when what this node sends is taken
    /// again too. For a readiness probe; the clients of this node are served all the same.
    #[must_use]
    pub fn alone_since(&self) -> Option<std::time::Instant> {
        let since = self.core.cluster()?.alone_since()?;
        Some(since.into_std())
    }

    /// Resolves when what other nodes of a [cluster](crate::Io::cluster) send arrives for all sockets of this one, in whichever
    /// namespaces and rooms they are at the call: at once, unless the broker subscribes some of those when they get their
    /// first socket here. `cluster::Redis` does so for rooms if it is `sharded`, and `join` does not wait for it.
    ///
    /// ```
    /// # use koio::{Context, Result, on};
    /// #[on("join")]
    /// async fn join(ctx: Context, room: String) -> Result<()> {
    ///     ctx.socket().join(&room)?;
    ///     // The answer says that events for the room come, from whichever server.
    ///     ctx.io().cluster_subscribed().await
    /// }
    /// ```
    ///
    /// # Errors
    /// Code `cluster`: the broker does not confirm it within 5 s. The sockets are in their rooms all the same.
    ///
    /// # Cancel safety
    /// Nothing depends on this wait.
    pub async fn cluster_subscribed(&self) -> Result<()> {
        match self.core.cluster() {
            Some(cluster) => cluster.subscribed().await,
            None => Ok(()),
        }
    }

    /// Ends the server in order:
    ///
    /// 1. New clients are refused (503). No further event is started: events that wait, and those that still come, are
    ///    dropped and counted ([`events_dropped`](crate::observe::Counts::events_dropped)).
    /// 2. Handlers that run finish and answer, those that answer later by an [`Ack`](crate::Ack) included. Until then
    ///    their session stays open: they may emit, and get the acks that they wait for.
    /// 3. Each session closes when its handlers have answered and what is queued for its client is sent. A client that
    ///    polls has a second to come for it ([`poll_again_timeout`](crate::engine::EngineConfig::poll_again_timeout)); with
    ///    nothing queued the session ends at once. A WebSocket that takes nothing for 5 s is given up.
    /// 4. The disconnect handlers run, with [`ServerShuttingDown`](crate::CloseReason::ServerShuttingDown). Clients
    ///    reconnect as after any lost connection. A node of a cluster leaves it last, when the handlers of
    ///    other servers' events have ended, or [`handler_grace`](crate::config::SocketConfig::handler_grace) is over.
    ///
    /// Resolves when all of that is done. At the deadline the sessions that are left are cut and their handlers
    /// dropped, which takes a second more at most. A second call may set an earlier deadline. Without effect before the
    /// start, and when the server has stopped and no session is open.
    ///
    /// No handler may await it, neither of a client's event nor of [another server's](crate::Io::on_server_side): the shutdown
    /// waits for that handler, and when it drops it, this future is dropped too, before the server has stopped. Spawn a task
    /// that awaits it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future lifts the deadline and nothing else: the server takes no new client, sessions close as fast
    /// as their clients and handlers let them, and [`Server::run`](crate::Server::run) goes on. Call it again.
    pub async fn shutdown(&self, deadline: Duration) -> Drained {
        let drained = self.core.shutdown(deadline).await;
        self.core.end_recovery().await;
        drained
    }

    /// Waits, within the deadline of the shutdown that has ended, for the server's HTTP connections to end.
    pub(crate) async fn connections_ended(&self) {
        self.core.connections_ended().await;
    }

    /// Turns true when a shutdown has ended.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.core.stopped.subscribe()
    }
}

impl Socket {
    /// A handle of the server, for the namespace `/`, whichever this socket is in; that one is [`here`](Self::here).
    #[must_use]
    pub fn io(&self) -> IoHandle {
        let IoHandle { core, scope } = IoHandle::root(Arc::clone(self.core()));
        let scope = scope.seen_from(self.live_namespace());
        IoHandle { core, scope }
    }

    /// A handle of the server for this socket's own namespace, this socket included: `socket.here().broadcast(..)`. Without
    /// this socket: [`Socket::broadcast`].
    #[must_use]
    pub fn here(&self) -> IoHandle {
        let namespace = Arc::clone(&self.live_namespace().name);
        IoHandle {
            core: Arc::clone(self.core()),
            scope: NamespaceScope::declared(namespace),
        }
    }
}

impl fmt::Debug for IoHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoHandle")
            .field("namespace", &self.scope.name)
            .finish_non_exhaustive()
    }
}
