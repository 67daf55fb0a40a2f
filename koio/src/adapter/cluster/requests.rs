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
    super::{AckCollector, AckOutcome, ServerAnswer, SocketView},
    awaited::AwaitedNodes,
    node::NodeId,
    request_id::RequestId,
};
use crate::{ids::SocketId, wire::RawArgs};

/// The most requests of this node that may be unanswered. Beyond that a request is not sent: every other node counts as
/// missing.
const MAX_REQUESTS: usize = 4_096;

/// Requests by their ids.
#[derive(Debug)]
pub(super) struct Requests {
    last: AtomicU64,
    pending: Mutex<HashMap<RequestId, ClusterRequest>>,
}

/// A request by what collects its answers.
#[derive(Clone, Debug)]
pub(super) enum ClusterRequest {
    Fetch(Arc<NodeAnswers<SocketView>>),
    Ask(Arc<AckCollector>),
    ServerAsk(Arc<NodeAnswers<ServerAnswer>>),
}

/// Collects what other nodes answer, each once and all at once.
#[derive(Debug)]
pub(super) struct NodeAnswers<T> {
    state: Mutex<AnswersState<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct AnswersState<T> {
    nodes: AwaitedNodes,
    answers: Vec<T>,
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
    /// The requests of a node. Their ids begin at a random place: other servers ignore a request that has the id of one
    /// of their own.
    pub(super) fn of(node: &NodeId) -> Arc<Self> {
        let random = node.as_str().bytes().take(8);
        let first = random.fold(0_u64, |number, byte| (number << 8) | u64::from(byte));
        Arc::new(Self {
            last: AtomicU64::new(first),
            pending: Mutex::default(),
        })
    }

    /// Registers a request, which then waits for `nodes`. In this order: a node that leaves either is not among them, or is told
    /// to the request by [`node_left`](Self::node_left). `None` beyond [`MAX_REQUESTS`].
    pub(super) fn begin(
        self: &Arc<Self>,
        request: &ClusterRequest,
        nodes: impl FnOnce() -> AwaitedNodes,
    ) -> Option<RequestGuard> {
        let registered = self.register(request.clone());
        match request {
            ClusterRequest::Fetch(answers) => answers.expect_nodes(nodes),
            ClusterRequest::Ask(answers) => answers.expect_nodes(nodes),
            ClusterRequest::ServerAsk(answers) => answers.expect_nodes(nodes),
        }
        registered
    }

    fn register(self: &Arc<Self>, request: ClusterRequest) -> Option<RequestGuard> {
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

    fn ask(&self, request: &RequestId) -> Option<Arc<AckCollector>> {
        match self.pending.lock().get(request)? {
            ClusterRequest::Ask(answers) => Some(Arc::clone(answers)),
            ClusterRequest::Fetch(_) | ClusterRequest::ServerAsk(_) => None,
        }
    }

    pub(super) fn fetched(&self, request: &RequestId, node: &NodeId, sockets: Vec<SocketView>) {
        let answers = match self.pending.lock().get(request) {
            Some(ClusterRequest::Fetch(answers)) => Arc::clone(answers),
            _ => return,
        };
        answers.node_answered(node, sockets);
    }

    fn server_ask(&self, request: &RequestId) -> Option<Arc<NodeAnswers<ServerAnswer>>> {
        match self.pending.lock().get(request)? {
            ClusterRequest::ServerAsk(answers) => Some(Arc::clone(answers)),
            ClusterRequest::Fetch(_) | ClusterRequest::Ask(_) => None,
        }
    }

    /// A server has answered an event.
    pub(super) fn server_answered(&self, request: &RequestId, answer: ServerAnswer) {
        if let Some(answers) = self.server_ask(request) {
            let node = answer.0.clone();
            answers.node_answered(&node, vec![answer]);
        }
    }

    /// A server that was asked by an event leaves the cluster: it is not waited for.
    pub(super) fn server_leaves(&self, request: &RequestId, node: &NodeId) {
        if let Some(answers) = self.server_ask(request) {
            answers.node_left(node);
        }
    }

    pub(super) fn asked(&self, request: &RequestId, node: &NodeId, sockets: Vec<SocketId>) {
        if let Some(answers) = self.ask(request) {
            answers.node_asked(node, sockets);
        }
    }

    /// A server without a name has asked so many clients.
    pub(super) fn server_asked(&self, request: &RequestId, server: &NodeId, clients: usize) {
        if let Some(answers) = self.ask(request) {
            answers.server_asked(server, clients);
        }
    }

    pub(super) fn answered(&self, request: &RequestId, (socket, outcome): AckOutcome) {
        if let Some(answers) = self.ask(request) {
            answers.resolve(socket, outcome);
        }
    }

    /// A client of a server without a name has answered.
    pub(super) fn client_answered(&self, request: &RequestId, answer: Option<RawArgs>) {
        if let Some(answers) = self.ask(request) {
            answers.client_answered(answer);
        }
    }

    /// A node has left: no request waits for it.
    pub(super) fn node_left(&self, node: &NodeId) {
        let pending: Vec<_> = self.pending.lock().values().cloned().collect();
        for request in pending {
            match request {
                ClusterRequest::Fetch(answers) => answers.node_left(node),
                ClusterRequest::Ask(answers) => answers.node_left(node),
                ClusterRequest::ServerAsk(answers) => answers.node_left(node),
            }
        }
    }
}

impl ClusterRequest {
    /// The number of servers without names that answer.
    pub(super) fn counted(&self, servers: Option<usize>) {
        match self {
            Self::Fetch(answers) => answers.counted(servers),
            Self::Ask(answers) => answers.servers_counted(servers),
            Self::ServerAsk(answers) => answers.counted(servers),
        }
    }

    /// The request was not published.
    pub(super) fn unreachable(&self) {
        match self {
            Self::Fetch(answers) => answers.unreachable(),
            Self::Ask(answers) => answers.nodes_unreachable(),
            Self::ServerAsk(answers) => answers.unreachable(),
        }
    }
}

impl<T> NodeAnswers<T> {
    /// Of no node, until [`Requests::begin`] says of which.
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(AnswersState {
                nodes: AwaitedNodes::default(),
                answers: Vec::new(),
            }),
            changed: Notify::new(),
        }
    }

    /// Waits for `nodes`, which are read under the lock: one that leaves meanwhile is taken out behind it.
    fn expect_nodes(&self, nodes: impl FnOnce() -> AwaitedNodes) {
        self.change(|state| state.nodes = nodes());
    }

    fn change(&self, change: impl FnOnce(&mut AnswersState<T>)) {
        change(&mut self.state.lock());
        self.changed.notify_one();
    }

    fn node_answered(&self, node: &NodeId, answers: Vec<T>) {
        self.change(|state| {
            if state.nodes.heard(node) {
                state.answers.extend(answers);
            }
        });
    }

    fn node_left(&self, node: &NodeId) {
        self.change(|state| state.nodes.left(node));
    }

    /// The number of servers without names that answer.
    pub(super) fn counted(&self, servers: Option<usize>) {
        self.change(|state| state.nodes.counted(servers));
    }

    /// The request was not published.
    fn unreachable(&self) {
        self.change(|state| state.nodes.unreachable());
    }

    /// Ends when every node has answered.
    pub(super) async fn complete(&self) {
        while !self.state.lock().nodes.is_empty() {
            self.changed.notified().await;
        }
    }

    /// Ends the wait. Returns what has arrived, and the nodes that have not answered.
    pub(super) fn finish(&self) -> (Vec<T>, Vec<NodeId>) {
        let mut state = self.state.lock();
        let nodes = std::mem::take(&mut state.nodes);
        let answers = std::mem::take(&mut state.answers);
        (answers, nodes.missing())
    }
}
