//! Two servers in a cluster, that clients reach in turn; with the methods of [`memory::Memory`](crate::memory::Memory).

use std::sync::atomic::{AtomicUsize, Ordering};

use koio::{Io, IoHandle, Socket, cluster, observe::Counts};
use koio_tests::Transport;

use crate::memory::{Memory as Node, Peer};

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
        let found = self.nodes.iter().find_map(|node| node.io.socket(id));
        found.expect("a socket")
    }

    pub(crate) fn volatile_dropped(&self) -> u64 {
        let dropped = |counts: Counts| counts.volatile_dropped;
        self.nodes
            .iter()
            .map(|node| dropped(node.io.counts()))
            .sum()
    }
}
