//! The adapter of a server that is one of several.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};

use super::{
    super::{
        AckCollector, Adapter, AskGuard, Destination, FetchFuture, NeutralPacket, ServerHandlers,
    },
    asked_servers::AskedServers,
    awaited::AwaitedNodes,
    broker::{Broker, Connecting, Departing, Topic},
    inbox::Inbox,
    message::{Address, ClusterMessage, MessageBody},
    node::NodeId,
    request_id::RequestId,
    requests::{ClusterRequest, NodeAnswers, RequestGuard, Requests},
    server_events::ServerEvents,
};
use crate::{
    Error, Result,
    ids::{NoRandomness, Room},
    observe::{Observation, Observers},
    wire::Frame,
};

/// The sockets of this node through another adapter, and those of other nodes through a broker.
///
/// Each method does its work on this node first, so that a slow or broken broker delays nothing there.
pub(crate) struct Cluster {
    local: Arc<dyn Adapter>,
    broker: Arc<dyn Broker>,
    inbox: Inbox,
    requests: Arc<Requests>,
    /// The broker refused the last message; logged once, until it takes one again.
    refused: AtomicBool,
    /// The `Ask` requests of other nodes that are being answered: the task of each, and the waits of its sockets.
    pub(super) serving: Mutex<HashMap<(NodeId, RequestId), (AbortHandle, AskGuard)>>,
    /// What runs for events of other servers, and how many at most.
    handlers: Arc<dyn ServerHandlers>,
    max_server_events: usize,
    /// Set when it has joined.
    pub(super) server_events: OnceLock<ServerEvents>,
    /// The cluster itself, for [`AskedNodes`].
    this: Weak<Self>,
    left: AtomicBool,
}

impl Cluster {
    /// A node that has not joined: [`join`](Self::join) does. `namespaces`: those that it has declared by their names. At most
    /// `max_server_events` of `handlers` run at once.
    pub(crate) fn new(
        local: Arc<dyn Adapter>,
        broker: Arc<dyn Broker>,
        namespaces: Vec<Arc<str>>,
        handlers: Arc<dyn ServerHandlers>,
        max_server_events: usize,
    ) -> Result<Arc<Self>, NoRandomness> {
        let node = NodeId::random()?;
        let requests = Requests::of(&node);
        let inbox = Inbox::new(node, namespaces);
        inbox.serve(Arc::downgrade(&local));
        Ok(Arc::new_cyclic(|this| Self {
            requests,
            inbox,
            local,
            broker,
            refused: AtomicBool::new(false),
            serving: Mutex::default(),
            handlers,
            max_server_events,
            server_events: OnceLock::new(),
            this: this.clone(),
            left: AtomicBool::new(false),
        }))
    }

    pub(super) fn local(&self) -> &Arc<dyn Adapter> {
        &self.local
    }

    pub(super) fn broker(&self) -> &dyn Broker {
        &*self.broker
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Gets ready for the events of other servers.
    pub(super) fn start_server_events(&self) -> &ServerEvents {
        let handlers = || Arc::clone(&self.handlers);
        self.server_events
            .get_or_init(|| ServerEvents::start(handlers(), self.max_server_events))
    }

    /// Publishes a message, for all nodes or for one. `false` if the broker refused it.
    pub(super) fn publish(&self, topic: &Topic, body: MessageBody) -> bool {
        let node = self.inbox.node();
        let message = ClusterMessage::new(node.clone(), body);
        match self.broker.publish(node, topic, &message) {
            Ok(()) => {
                if self.refused.swap(false, Ordering::Relaxed) {
                    tracing::info!("the broker takes messages again");
                }
                true
            }
            Err(error) => {
                let error = error.to_string();
                let observation = Observation::ClusterUnpublished {
                    messages: 1,
                    cause: &error,
                };
                self.local.observers().notify(&observation);
                if !self.refused.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error,
                        "a message to other nodes was dropped; more may follow"
                    );
                }
                false
            }
        }
    }

    fn publish_to(
        &self,
        to: Destination<'_>,
        message: impl FnOnce(Address) -> MessageBody,
    ) -> bool {
        if self.inbox.is_alone() {
            return true;
        }
        let topic = Topic::Namespace {
            namespace: to.namespace.into(),
            room: match to.target.rooms.as_slice() {
                [room] => Some(room.clone()),
                _ => None,
            },
        };
        self.publish(&topic, message(Address::new(to.namespace, to.target)))
    }

    /// Asks the other nodes, and the servers without names, which know no families. `message`: the request with its id. `None` if
    /// too many wait already: then, as when the broker refuses it, the nodes count as missing.
    fn request(
        &self,
        to: Destination<'_>,
        request: ClusterRequest,
        message: impl FnOnce(RequestId, Address) -> MessageBody,
    ) -> Option<RequestGuard> {
        let unnamed = self.inbox.unnamed().filter(|_| to.family.is_none());
        let count = unnamed.map(|servers| servers.count(to.namespace));
        let nodes = || AwaitedNodes::new(self.inbox.nodes(), count.is_some());
        let begun = self.requests.begin(&request, nodes);
        let published = begun.as_ref().is_some_and(|begun| {
            let id = begun.id.clone();
            self.publish_to(to, |to| message(id, to))
        });
        if !published {
            request.unreachable();
        } else if let Some(count) = count {
            tokio::spawn(async move { request.counted(count.await) });
        }
        begun
    }

    /// Publishes a change that was made on this node; `here` is its result.
    fn change(
        &self,
        here: Result<()>,
        to: Destination<'_>,
        message: impl FnOnce(Address) -> MessageBody,
    ) -> Result<()> {
        let published = self.publish_to(to, message);
        here?;
        if published {
            return Ok(());
        }
        Err(Error::new(
            "cluster",
            "the broker did not take the message to the other nodes",
        )
        .hide())
    }
}

impl Adapter for Cluster {
    fn next_ack(&self, namespace: &str) -> u64 {
        self.local.next_ack(namespace)
    }

    fn broadcast(&self, to: Destination<'_>, packet: &Frame, volatile: bool) -> usize {
        let here = self.local.broadcast(to, packet, volatile);
        if self.inbox.is_alone() {
            // Without another node the event is not copied into a `NeutralPacket`.
            return here;
        }
        if let Some(packet) = NeutralPacket::of_frame(packet, to.namespace) {
            self.publish_to(to, |to| MessageBody::Broadcast {
                to,
                volatile,
                packet,
            });
        }
        here
    }

    fn ask(
        &self,
        to: Destination<'_>,
        packet: &Frame,
        ack: u64,
        wait: Duration,
        answers: &Arc<AckCollector>,
    ) -> (AskGuard, usize) {
        let here = self.local.ask(to, packet, ack, wait, answers);
        if self.inbox.is_alone() {
            return here;
        }
        let Some(packet) = NeutralPacket::of_frame(packet, to.namespace) else {
            answers.expect_nodes(|| AwaitedNodes::new(self.inbox.nodes(), false));
            answers.nodes_unreachable();
            return here;
        };
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let pending = ClusterRequest::Ask(Arc::clone(answers));
        let request = self.request(to, pending, |request, to| MessageBody::Ask {
            request,
            to,
            wait,
            packet,
        });
        let (guard, recipients) = here;
        let asked = request.map(|request| AskedNodes {
            cluster: self.this.clone(),
            namespace: to.namespace.into(),
            answers: Arc::clone(answers),
            request,
        });
        (Box::new((guard, asked)), recipients)
    }

    fn fetch(&self, to: Destination<'_>, wait: Duration) -> FetchFuture {
        let here = self.local.fetch(to, wait);
        if self.inbox.is_alone() {
            return here;
        }
        let answers = Arc::new(NodeAnswers::new());
        let pending = ClusterRequest::Fetch(Arc::clone(&answers));
        let request = self.request(to, pending, |request, to| MessageBody::Fetch {
            request,
            to,
        });
        Box::pin(async move {
            // Dropped with the future: answers that come later are ignored.
            let _request = request;
            let mut fetched = here.await;
            let _ = tokio::time::timeout(wait, answers.complete()).await;
            let (sockets, missing) = answers.finish();
            fetched.sockets.extend(sockets);
            fetched.missing.extend(missing);
            fetched
        })
    }

    fn join(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()> {
        self.change(self.local.join(to, rooms), to, |to| MessageBody::Join {
            to,
            rooms: rooms.to_vec(),
        })
    }

    fn leave(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()> {
        self.change(self.local.leave(to, rooms), to, |to| MessageBody::Leave {
            to,
            rooms: rooms.to_vec(),
        })
    }

    fn disconnect(&self, to: Destination<'_>, all: bool) -> Result<()> {
        self.change(self.local.disconnect(to, all), to, |to| {
            MessageBody::Disconnect { to, all }
        })
    }

    fn rooms(&self, namespace: &str) -> Vec<Room> {
        self.local.rooms(namespace)
    }

    fn has_room(&self, namespace: &str, room: &str) -> bool {
        self.local.has_room(namespace, room)
    }

    fn server_emit(&self, to: Destination<'_>, packet: NeutralPacket) {
        self.publish_to(to, |to| MessageBody::ServerEvent {
            request: None,
            namespace: to.namespace,
            packet,
        });
    }

    fn server_ask(&self, to: Destination<'_>, packet: NeutralPacket) -> Option<AskedServers> {
        if self.inbox.is_alone() {
            return None;
        }
        let answers = Arc::new(NodeAnswers::new());
        let pending = ClusterRequest::ServerAsk(Arc::clone(&answers));
        let request = self.request(to, pending, |request, to| MessageBody::ServerEvent {
            request: Some(request),
            namespace: to.namespace,
            packet,
        });
        Some(AskedServers::new(answers, request))
    }

    fn server_events_ended(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if let Some(events) = self.server_events.get() {
                events.ended().await;
            }
        })
    }

    fn alone_since(&self) -> Option<Instant> {
        self.inbox.alone_since()
    }

    fn subscribed(&self) -> Connecting<'_> {
        self.broker.subscribed()
    }

    fn observers(&self) -> &Observers {
        self.local.observers()
    }

    fn close(&self) {
        if !self.left.swap(true, Ordering::AcqRel) {
            if let Some(events) = self.server_events.get() {
                let dropped = events.abort();
                if dropped > 0 {
                    let cause = format_args!("the server leaves the cluster");
                    self.local
                        .observers()
                        .notify(&Observation::ServerEventsDropped {
                            events: dropped,
                            cause,
                        });
                }
            }
            self.broker.leave(self.inbox.node());
            self.inbox.close();
        }
    }

    fn closed(&self) -> Departing<'_> {
        self.broker.left()
    }
}

/// An `Ask` request. Dropping it before all have answered ends the waits on the other nodes too.
struct AskedNodes {
    cluster: Weak<Cluster>,
    namespace: Arc<str>,
    answers: Arc<AckCollector>,
    request: RequestGuard,
}

impl Drop for AskedNodes {
    fn drop(&mut self) {
        if self.answers.is_complete() {
            return;
        }
        if let Some(cluster) = self.cluster.upgrade() {
            let topic = Topic::Namespace {
                namespace: Arc::clone(&self.namespace),
                room: None,
            };
            let request = self.request.id.clone();
            cluster.publish(&topic, MessageBody::GiveUp { request });
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.close();
    }
}
