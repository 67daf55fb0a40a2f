//! Two servers in a cluster, that clients reach in turn; with the methods of [`memory::Memory`](crate::memory::Memory).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use koio::emit::{AckFuture, Emit};
use koio::{Io, IoHandle, Namespace, Socket, SocketId, cluster, observe::Counts};
use koio_tests::Transport;
use serde::{Serialize, de::DeserializeOwned};

use crate::memory::{Memory as Node, Peer};
use crate::scene::Scene as OneScene;

/// Two joined servers with the same handlers.
pub(crate) struct Memory {
    /// The first node's.
    pub(crate) io: IoHandle,
    pub(crate) nodes: [Node; 2],
    opened: AtomicUsize,
}

impl Memory {
    pub(crate) fn of(make: impl Fn() -> Io) -> Self {
        let broker = cluster::Memory::new();
        let nodes = [(); 2].map(|()| Node::new(make().cluster(broker.clone())));
        Self {
            io: nodes[0].io.clone(),
            nodes,
            opened: AtomicUsize::new(0),
        }
    }

    fn node(&self) -> &Node {
        &self.nodes[self.opened.fetch_add(1, Ordering::Relaxed) % 2]
    }

    /// Opens a session on the next node.
    pub(crate) async fn open(&self, transport: Transport) -> Peer {
        self.node().open(transport).await
    }

    pub(crate) async fn client(&self, transport: Transport) -> Peer {
        self.node().client(transport).await
    }

    /// Opens a WebSocket session on the next node.
    pub(crate) async fn websocket(&self, pipe: usize) -> Result<Peer, u16> {
        self.node().websocket(pipe).await
    }

    pub(crate) async fn socket(&self, transport: Transport) -> (Peer, Socket) {
        self.node().socket(transport).await
    }

    /// Connects to `/` and returns the server's end, on the node of the session.
    pub(crate) async fn join(&self, peer: &mut Peer) -> Socket {
        let id = peer.join_as("40").await.parse().expect("an id");
        self.find("/", id)
    }

    /// The server's end of a socket, on the node that has it.
    pub(crate) fn find(&self, namespace: &str, id: SocketId) -> Socket {
        let mut found = self.nodes.iter().map(|node| node.io.of(namespace));
        let found = found.find_map(|io| io.socket(id));
        found.expect("a socket")
    }

    /// The sum of both nodes.
    pub(crate) fn count(&self, of: impl Fn(Counts) -> u64) -> u64 {
        self.nodes.iter().map(|node| of(node.io.counts())).sum()
    }

    /// An emit to one socket of `/`, from the node that does not have it.
    pub(crate) fn to(&self, socket: &Socket) -> Emit {
        let id = socket.id();
        let mut others = self.nodes.iter().map(|node| &node.io);
        let other = others.find(|io| io.socket(id).is_none());
        other.expect("another node").to(id)
    }

    /// The same, that waits so long for an answer.
    pub(crate) fn timeout(&self, socket: &Socket, time: Duration) -> Emit {
        self.to(socket).timeout(time)
    }

    /// Asks one socket of `/`, from the node that does not have it.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        socket: &Socket,
        event: &str,
        args: impl Serialize,
    ) -> AckFuture<T> {
        self.to(socket).emit_with_ack(event, args)
    }
}

/// A [`Scene`](OneScene) that another server has joined.
pub(crate) struct Scene;

impl Scene {
    /// The scene, and the handle of the other server.
    pub(crate) async fn with_handle() -> (OneScene, IoHandle) {
        let broker = cluster::Memory::new();
        let scene = OneScene::with(|io| io.cluster(broker.clone())).await;
        // A node emits to namespaces that it has declared itself.
        let io = Io::new().namespace("/joins-and-refuses", Namespace::new());
        let other = Node::new(io.cluster(broker));
        (scene, other.io)
    }
}
