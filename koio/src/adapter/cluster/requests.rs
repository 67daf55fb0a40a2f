//! The requests of this node that other nodes have not answered yet.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    super::{AckCollector, AckOutcome, SocketView},
    node::NodeId,
    request_id::RequestId,
};
use crate::ids::SocketId;

/// The most requests of this node that may be unanswered. Beyond that a request is not sent: every other node counts as
/// missing.
const MAX_REQUESTS: usize = 4_096;

/// Requests by their ids.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: AtomicU64,
    pending: Mutex<HashMap<RequestId, ClusterRequest>>,
}

#[derive(Clone, Debug)]
enum ClusterRequest {
    Fetch(Arc<FetchCollector>),
    Ask(Arc<AckCollector>),
}

/// Collects the `Fetched` messages of other nodes.
#[derive(Debug, Default)]
pub(super) struct FetchCollector {
    state: Mutex<FetchState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct FetchState {
    silent: Vec<NodeId>,
    sockets: Vec<SocketView>,
}

/// A request that is under way. Dropping it ends it: later answers are ignored.
#[derive(Debug)]
pub(super) struct RequestGuard {
    requests: Arc<Requests>,
    pub(super) id: RequestId,
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.requests.pending.lock().remove(&self.id);
    }
}

impl Requests {
    fn begin(self: &Arc<Self>, request: ClusterRequest) -> Option<RequestGuard> {
        let mut pending = self.pending.lock();
        if pending.len() >= MAX_REQUESTS {
            return None;
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let id = RequestId::numbered(number);
        pending.insert(id.clone(), request);
        Some(RequestGuard {
            requests: Arc::clone(self),
            id,
        })
    }

    pub(super) fn begin_fetch(
        self: &Arc<Self>,
        answers: &Arc<FetchCollector>,
    ) -> Option<RequestGuard> {
        self.begin(ClusterRequest::Fetch(Arc::clone(answers)))
    }

    pub(super) fn begin_ask(self: &Arc<Self>, answers: &Arc<AckCollector>) -> Option<RequestGuard> {
        self.begin(ClusterRequest::Ask(Arc::clone(answers)))
    }

    fn ask(&self, request: &RequestId) -> Option<Arc<AckCollector>> {
        match self.pending.lock().get(request)? {
            ClusterRequest::Ask(answers) => Some(Arc::clone(answers)),
            ClusterRequest::Fetch(_) => None,
        }
    }

    pub(super) fn fetched(&self, request: &RequestId, node: &NodeId, sockets: Vec<SocketView>) {
        let answers = match self.pending.lock().get(request) {
            Some(ClusterRequest::Fetch(answers)) => Arc::clone(answers),
            _ => return,
        };
        answers.node_answered(node, sockets);
    }

    pub(super) fn asked(&self, request: &RequestId, node: &NodeId, sockets: Vec<SocketId>) {
        if let Some(answers) = self.ask(request) {
            answers.node_asked(node, sockets);
        }
    }

    pub(super) fn answered(&self, request: &RequestId, (socket, outcome): AckOutcome) {
        if let Some(answers) = self.ask(request) {
            answers.resolve(socket, outcome);
        }
    }

    /// A node has left: no request waits for it.
    pub(super) fn node_left(&self, node: &NodeId) {
        let pending: Vec<_> = self.pending.lock().values().cloned().collect();
        for request in pending {
            match request {
                ClusterRequest::Fetch(answers) => answers.node_answered(node, Vec::new()),
                ClusterRequest::Ask(answers) => answers.node_left(node),
            }
        }
    }
}

impl FetchCollector {
    pub(super) fn new(nodes: Vec<NodeId>) -> Self {
        Self {
            state: Mutex::new(FetchState {
                silent: nodes,
                sockets: Vec::new(),
            }),
            changed: Notify::new(),
        }
    }

    fn node_answered(&self, node: &NodeId, sockets: Vec<SocketView>) {
        let mut state = self.state.lock();
        let silent = state.silent.len();
        state.silent.retain(|silent| silent != node);
        if state.silent.len() < silent {
            state.sockets.extend(sockets);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Ends when every node has answered.
    pub(super) async fn complete(&self) {
        while !self.state.lock().silent.is_empty() {
            self.changed.notified().await;
        }
    }

    /// Ends the wait. Returns the sockets that have arrived, and the nodes that have not answered.
    pub(super) fn finish(&self) -> (Vec<SocketView>, Vec<NodeId>) {
        let FetchState { silent, sockets } = std::mem::take(&mut *self.state.lock());
        (sockets, silent)
    }
}
