//! The answers of many sockets to one event, of this node and of others.

use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::cluster::{AwaitedNodes, NodeId};
use crate::{ids::SocketId, wire::RawArgs};

/// Why a socket gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum NoAnswer {
    /// It was closed when it was asked.
    Closed,
    /// Its send queue or its table of unanswered acks was full.
    Full,
    /// It did not answer in time.
    Late,
    /// It disconnected before it answered.
    Disconnected,
    /// Its answer arrived from another node and is no JSON.
    Malformed,
}

/// One socket's answer.
pub(crate) type AckOutcome = (SocketId, Result<RawArgs, NoAnswer>);

/// The most clients of servers without names that one event waits for: what a server says of it is not believed further.
const MOST_CLIENTS: usize = 1_000_000;

/// Collects the answers to one event. It is complete when every socket that was asked has an outcome, and every node
/// that was asked has sent the list of sockets that it asked. Servers without names send the number of their clients,
/// and answers that do not say whose they are.
#[derive(Debug)]
pub(crate) struct AckCollector {
    state: Mutex<CollectorState>,
}

#[derive(Debug, Default)]
struct CollectorState {
    /// In the order in which they came.
    outcomes: VecDeque<AckOutcome>,
    /// Sockets that have not answered, with their node if that is another one.
    unanswered: HashMap<SocketId, Option<NodeId>>,
    /// Nodes that have not sent the list of sockets that they asked.
    nodes: AwaitedNodes,
    /// Clients of servers without names: how many were asked, and how many have answered.
    clients: usize,
    clients_answered: usize,
    /// Wake for every answer, not only for the last.
    streaming: bool,
    waker: Option<Waker>,
}

impl CollectorState {
    fn is_complete(&self) -> bool {
        self.unanswered.is_empty() && self.clients_answered >= self.clients && self.nodes.is_empty()
    }

    fn register_waker(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

impl AckCollector {
    /// A collector to wait for as a whole, with [`poll_complete`](Self::poll_complete), or to take outcomes from one by one,
    /// with [`poll_next`](Self::poll_next).
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut CollectorState) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let waker = match state.streaming || state.is_complete() {
            true => state.waker.take(),
            false => None,
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// Expects an outcome of a socket of this node.
    pub(crate) fn expect(&self, socket: SocketId) {
        self.state.lock().unanswered.insert(socket, None);
    }

    /// Expects the lists of nodes, by [`node_asked`](Self::node_asked), and the numbers of servers without names, by
    /// [`server_asked`](Self::server_asked). `nodes` are read under the lock: one that leaves meanwhile is taken out behind it.
    pub(super) fn expect_nodes(&self, nodes: impl FnOnce() -> AwaitedNodes) {
        let mut state = self.state.lock();
        state.nodes = nodes();
    }

    /// The number of servers without names.
    pub(super) fn servers_counted(&self, servers: Option<usize>) {
        self.change(|state| state.nodes.counted(servers));
    }

    /// No node could be asked: those that were expected are missing from now on.
    pub(super) fn nodes_unreachable(&self) {
        self.change(|state| state.nodes.unreachable());
    }

    /// Expects outcomes of these sockets of another node. Without effect if the node was not expected to send them.
    pub(super) fn node_asked(&self, node: &NodeId, sockets: Vec<SocketId>) {
        self.change(|state| {
            if state.nodes.heard(node) {
                let sockets = sockets.into_iter();
                state
                    .unanswered
                    .extend(sockets.map(|socket| (socket, Some(node.clone()))));
            }
        });
    }

    /// Expects answers of so many clients of a server without a name.
    pub(super) fn server_asked(&self, server: &NodeId, clients: usize) {
        self.change(|state| {
            if state.nodes.heard(server) {
                state.clients = state.clients.saturating_add(clients).min(MOST_CLIENTS);
            }
        });
    }

    /// A client of a server without a name has answered; `None` if the answer can't be read.
    pub(super) fn client_answered(&self, mut answer: Option<RawArgs>) {
        if let Some(answer) = &mut answer {
            answer.detach();
        }
        self.change(|state| {
            // A server says first how many clients it has asked.
            if state.clients_answered < state.clients {
                state.clients_answered += 1;
                let outcome = answer.ok_or(NoAnswer::Malformed);
                state.outcomes.push_back((SocketId::UNKNOWN, outcome));
            }
        });
    }

    /// Another node has left: its sockets disconnected before they answered.
    pub(super) fn node_left(&self, node: &NodeId) {
        self.change(|state| {
            state.nodes.left(node);
            let CollectorState {
                unanswered,
                outcomes,
                ..
            } = state;
            unanswered.retain(|socket, of| {
                let stays = of.as_ref() != Some(node);
                if !stays {
                    outcomes.push_back((*socket, Err(NoAnswer::Disconnected)));
                }
                stays
            });
        });
    }

    /// Records the outcome of a socket. Only the first counts.
    pub(crate) fn resolve(&self, socket: SocketId, mut outcome: Result<RawArgs, NoAnswer>) {
        if let Ok(answer) = &mut outcome {
            // It waits for the other answers, and is a slice of what it was read with.
            answer.detach();
        }
        self.change(|state| {
            if state.unanswered.remove(&socket).is_some() {
                state.outcomes.push_back((socket, outcome));
            }
        });
    }

    /// The sockets that were asked: those without an outcome, and those whose outcome has not been taken.
    pub(super) fn asked(&self) -> Vec<SocketId> {
        let state = self.state.lock();
        let answered = state.outcomes.iter().map(|(socket, _)| *socket);
        answered.chain(state.unanswered.keys().copied()).collect()
    }

    /// Whether no outcome is missing, or the wait has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.state.lock().is_complete()
    }

    /// Ready when it is complete.
    pub(crate) fn poll_complete(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.is_complete() {
            return Poll::Ready(());
        }
        state.register_waker(cx);
        Poll::Pending
    }

    /// The next outcome; `None` when all have been taken and it is complete.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<AckOutcome>> {
        let mut state = self.state.lock();
        if let Some(outcome) = state.outcomes.pop_front() {
            return Poll::Ready(Some(outcome));
        }
        if state.is_complete() {
            return Poll::Ready(None);
        }
        state.streaming = true;
        state.register_waker(cx);
        Poll::Pending
    }

    /// Ends the wait. Returns the outcomes that have not been taken ([`NoAnswer::Late`] for the sockets that have
    /// none), and the nodes that could not be asked or have not sent the list of sockets that they asked.
    pub(crate) fn finish(&self) -> (Vec<AckOutcome>, Vec<NodeId>) {
        let mut state = self.state.lock();
        let CollectorState {
            mut outcomes,
            unanswered,
            nodes,
            clients,
            clients_answered,
            ..
        } = std::mem::take(&mut *state);
        drop(state);
        let unnamed = std::iter::repeat_n(SocketId::UNKNOWN, clients - clients_answered);
        let late = unanswered.into_keys().chain(unnamed);
        outcomes.extend(late.map(|socket| (socket, Err(NoAnswer::Late))));
        (outcomes.into(), nodes.missing())
    }
}
