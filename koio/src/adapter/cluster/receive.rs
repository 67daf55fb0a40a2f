//! What other nodes publish, applied to the sockets of this node.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    super::{
        AckCollector, Destination, IncomingServerEvent, NeutralPacket, NoAnswer, ServerFailure,
        server_side::name_and_args,
    },
    broker::Topic,
    cluster::Cluster,
    inbox::InboxItem,
    message::{self, Address, ClusterMessage, MessageBody},
    node::NodeId,
    request_id::RequestId,
    server_events::EventRefused,
};
use crate::{ids::Pattern, observe::Observation, wire};

/// Messages that are applied before the task yields to the others of its thread.
const MESSAGES_PER_YIELD: usize = 32;

/// The most `Ask` requests of other nodes that this node answers at once. It ignores further ones, and so counts as
/// missing for the nodes that sent them.
const MAX_SERVING: usize = 4_096;

/// The longest that this node waits for its sockets on another node's behalf.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

impl Cluster {
    /// Joins the broker, and applies what arrives in a task that ends with this value.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn join(self: &Arc<Self>) {
        self.start_server_events();
        self.broker().join(self.inbox().clone());
        let (cluster, inbox) = (Arc::downgrade(self), self.inbox().clone());
        tokio::spawn(async move {
            for applied in 1_usize.. {
                let Some(item) = inbox.next().await else {
                    return;
                };
                let Some(cluster) = cluster.upgrade() else {
                    return;
                };
                cluster.apply(item).await;
                drop(cluster);
                if applied % MESSAGES_PER_YIELD == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }

    async fn apply(self: &Arc<Self>, item: InboxItem) {
        match item {
            InboxItem::Message(message) => self.receive(message).await,
            InboxItem::Malformed(cause) => {
                let cause = format_args!("{cause}");
                self.local()
                    .observers()
                    .notify(&Observation::ClusterMalformed { cause });
            }
            InboxItem::Unpublished { messages, cause } => {
                let cause = &*cause;
                let observation = Observation::ClusterUnpublished { messages, cause };
                self.local().observers().notify(&observation);
            }
            InboxItem::Alone(cause) => {
                let observation = Observation::ClusterAlone { cause: &cause };
                self.local().observers().notify(&observation);
            }
            InboxItem::Together(alone) => {
                let observation = Observation::ClusterTogether { alone };
                self.local().observers().notify(&observation);
            }
            InboxItem::NodeDown(node) => self.requests().node_left(&node),
            InboxItem::Dropped(count) => {
                self.local()
                    .observers()
                    .notify(&Observation::ClusterDropped { messages: count });
            }
        }
    }

    async fn receive(self: &Arc<Self>, message: ClusterMessage) {
        let ClusterMessage { from, body, .. } = message;
        match body {
            MessageBody::Broadcast {
                to,
                volatile,
                packet,
            } => here(to, |to| {
                let frame = packet.to_frame(to.namespace, None);
                self.local().broadcast(to, &frame, volatile);
            }),
            MessageBody::Join { to, rooms } => {
                here(to, |to| self.changed(self.local().join(to, &rooms)));
                self.inbox().joined();
            }
            MessageBody::Leave { to, rooms } => here(to, |to| {
                self.changed(self.local().leave(to, &rooms));
            }),
            MessageBody::Disconnect { to, all } => {
                here(to, |to| self.changed(self.local().disconnect(to, all)))
            }
            MessageBody::ServerEvent {
                request,
                namespace,
                packet,
            } => self.server_event(from, request, namespace, packet),
            MessageBody::ServerAnswered {
                request,
                failure,
                args,
            } => {
                let answer = match failure {
                    Some(failure) => Err(failure),
                    None => message::answer(args).ok_or(ServerFailure::Malformed),
                };
                let answer = answer.map(|mut args| {
                    // It waits for the other answers, and is a slice of what it was read with.
                    args.detach();
                    args
                });
                self.requests().server_answered(&request, (from, answer));
            }
            MessageBody::ServerLeaves { request } => {
                self.requests().server_leaves(&request, &from);
            }
            MessageBody::AllRooms { request, namespace } => {
                let rooms = self.local().rooms(&namespace);
                self.publish(&Topic::Node(from), MessageBody::Rooms { request, rooms });
            }
            // No node of koio's asks for them.
            MessageBody::Rooms { .. } => {}
            MessageBody::Fetch { request, to } => {
                let fetching = here(to, |to| self.local().fetch(to, Duration::ZERO));
                let sockets = fetching.await.sockets;
                self.publish(
                    &Topic::Node(from),
                    MessageBody::Fetched { request, sockets },
                );
            }
            MessageBody::Fetched { request, sockets } => {
                self.requests().fetched(&request, &from, sockets);
            }
            MessageBody::Ask {
                request,
                to,
                wait,
                packet,
            } => self.serve(from, request, to, Duration::from_millis(wait), &packet),
            MessageBody::Asked { request, sockets } => {
                self.requests().asked(&request, &from, sockets)
            }
            MessageBody::ClientsAsked { request, clients } => {
                self.requests().server_asked(&request, &from, clients);
            }
            MessageBody::ClientAnswered { request, args } => {
                self.requests()
                    .client_answered(&request, message::answer(args));
            }
            MessageBody::GiveUp { request } => {
                // The waits end here and not when the aborted task is dropped: the next message may ask the same
                // sockets.
                let served = self.serving.lock().remove(&(from, request));
                if let Some((task, guard)) = served {
                    task.abort();
                    drop(guard);
                }
            }
            MessageBody::Answered {
                request,
                socket,
                failure,
                args,
            } => {
                let outcome = match failure {
                    Some(failure) => Err(failure),
                    None => message::answer(args).ok_or(NoAnswer::Malformed),
                };
                self.requests().answered(&request, (socket, outcome));
            }
        }
    }

    /// Logs a refusal: `Join`, `Leave` and `Disconnect` are not answered.
    fn changed(&self, result: crate::Result<()>) {
        if let Err(error) = result {
            tracing::debug!(%error, "what another node asked for was refused");
        }
    }

    /// An event of another server for the handlers of this one. One with a request is answered once, unless its handler is
    /// dropped when this node leaves.
    fn server_event(
        self: &Arc<Self>,
        from: NodeId,
        request: Option<RequestId>,
        namespace: String,
        packet: NeutralPacket,
    ) {
        let is_asked = request.is_some();
        let asker = AskingServer {
            cluster: Arc::downgrade(self),
            topic: Topic::Node(from.clone()),
            request,
        };
        let Some((name, args)) = name_and_args(packet) else {
            // A number is a name too in JavaScript, and no handler has one.
            return asker.answer(Err(ServerFailure::NoHandler));
        };
        let event = IncomingServerEvent {
            namespace,
            from,
            name,
            args,
            is_asked,
        };
        let events = self.start_server_events();
        match events.place() {
            Ok(place) => events.push(place, event, Box::new(|result| asker.answer(result))),
            Err(EventRefused::Full { running, limit }) => {
                self.server_event_dropped(
                    &event,
                    format_args!(
                        "{running} handlers of other servers' events run (server_events {limit})"
                    ),
                );
                asker.answer(Err(ServerFailure::Overloaded { running, limit }));
            }
            Err(EventRefused::Closed) => {
                self.server_event_dropped(&event, format_args!("the server leaves the cluster"));
                asker.tell(|request| MessageBody::ServerLeaves { request });
            }
        }
    }

    fn server_event_dropped(&self, event: &IncomingServerEvent, why: fmt::Arguments<'_>) {
        let shown = wire::shorten(format!("`{}` in `{}`", event.name, event.namespace));
        let cause = format_args!("{shown}: {why}");
        let dropped = Observation::ServerEventsDropped { events: 1, cause };
        self.local().observers().notify(&dropped);
    }

    /// Asks the sockets of this node for another one, and sends it each answer as it comes.
    fn serve(
        self: &Arc<Self>,
        from: NodeId,
        request: RequestId,
        to: Address,
        wait: Duration,
        packet: &NeutralPacket,
    ) {
        if self.serving.lock().len() >= MAX_SERVING {
            self.local()
                .observers()
                .notify(&Observation::ClusterDropped { messages: 1 });
            return;
        }
        let wait = wait.min(LONGEST_WAIT);
        let answers = Arc::new(AckCollector::new());
        let (guard, _) = here(to, |to| {
            let ack = self.local().next_ack(to.namespace);
            let frame = packet.to_frame(to.namespace, Some(ack));
            self.local().ask(to, &frame, ack, wait, &answers)
        });
        let topic = Topic::Node(from.clone());
        let sockets = answers.asked();
        let serving = Serving {
            cluster: Arc::downgrade(self),
            key: (from, request.clone()),
        };
        let asked = request.clone();
        self.publish(
            &topic,
            MessageBody::Asked {
                request: asked,
                sockets,
            },
        );
        let until = Instant::now().checked_add(wait);
        // Held while the task starts, so that the task does not remove its entry before it is there.
        let mut tasks = self.serving.lock();
        let key = serving.key.clone();
        let task = tokio::spawn(async move {
            let next = || poll_fn(|cx| answers.poll_next(cx));
            loop {
                let outcome = match until {
                    Some(until) => timeout_at(until, next()).await.unwrap_or_default(),
                    None => next().await,
                };
                let (Some(outcome), Some(cluster)) = (outcome, serving.cluster.upgrade()) else {
                    break;
                };
                cluster.publish(&topic, MessageBody::answered(request.clone(), outcome));
            }
            drop(serving);
        });
        tasks.insert(key, (task.abort_handle(), guard));
    }
}

/// The server whose event is handled, which waits for an answer if it has a request.
struct AskingServer {
    cluster: Weak<Cluster>,
    topic: Topic,
    request: Option<RequestId>,
}

impl AskingServer {
    fn answer(self, result: Result<NeutralPacket, ServerFailure>) {
        let (failure, args) = match result {
            Ok(args) => (None, args),
            Err(failure) => (Some(failure), NeutralPacket::default()),
        };
        self.tell(|request| MessageBody::ServerAnswered {
            request,
            failure,
            args,
        });
    }

    fn tell(self, body: impl FnOnce(RequestId) -> MessageBody) {
        if let (Some(request), Some(cluster)) = (self.request, self.cluster.upgrade()) {
            cluster.publish(&self.topic, body(request));
        }
    }
}

/// One request that this node answers; it is in the table until this is dropped.
struct Serving {
    cluster: Weak<Cluster>,
    key: (NodeId, RequestId),
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.upgrade() {
            let served = cluster.serving.lock().remove(&self.key);
            drop(served);
        }
    }
}

fn here<T>(to: Address, apply: impl FnOnce(Destination<'_>) -> T) -> T {
    let (namespace, target) = to.into_target();
    // The other node has checked it. A pattern of a later koio, which this one can't read, matches nothing.
    let family = Pattern::parse(&namespace).ok().flatten();
    apply(Destination {
        namespace: &namespace,
        family: family.as_ref(),
        target: &target,
    })
}
