//! [`Adapter`] for the sockets of this node: all of it without a cluster, and the local half of `Cluster`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    follower,
    namespace::{LiveNamespace, LocalNode},
    recovery::broadcast_in_order,
    socket::Socket,
    watched::Watched,
};
use crate::{
    Result,
    adapter::{
        AckCollector, Adapter, AskGuard, Destination, FetchFuture, Fetched, NeutralPacket,
        NoAnswer, OccupancyWatcher, Selection, SocketView, Target,
    },
    engine::{Fanout, NotQueued},
    ids::{Pattern, Room, SocketId},
    observe::{Observation, Observers},
    wire::Frame,
};

impl LiveNamespace<Socket> {
    /// Calls `each` with every connected socket that is meant.
    fn for_each(&self, target: &Target, mut each: impl FnMut(&Socket)) {
        let selection: Selection<Socket> = self.rooms.select(target);
        for socket in selection.iter().filter(|socket| socket.is_connected()) {
            each(socket);
        }
    }
}

impl LocalNode<Socket> {
    /// Calls `each` with every connected socket that is meant.
    pub(super) fn for_each(&self, to: Destination<'_>, mut each: impl FnMut(&Socket)) {
        for namespace in self.meant(to) {
            namespace.for_each(to.target, &mut each);
        }
    }

    /// A packet in the form that the clients of this server speak. `None` if there is none: only of other nodes, since
    /// [`Emit`](super::Emit) has checked those of this one.
    fn spoken<'a>(&self, packet: &'a Frame, namespace: &str) -> Option<Cow<'a, Frame>> {
        let spoken = self.parser().frame(packet, namespace);
        spoken
            .inspect_err(
                |error| tracing::warn!(namespace, %error, "an event of another node is dropped"),
            )
            .ok()
    }

    /// A broadcast with recovery.
    fn broadcast_in_order(&self, to: Destination<'_>, packet: &Frame, volatile: bool) -> usize {
        let Some(namespace) = self.find(to.namespace) else {
            return 0;
        };
        let Some(log) = &namespace.log else {
            return 0;
        };
        let deflate = self.recovery.get().and_then(|recovery| recovery.deflate);
        let parser = self.parser();
        let done = broadcast_in_order(&namespace, log, to, packet, parser, deflate, volatile);
        done.dropped.iter().for_each(volatile_dropped);
        done.watched.tell(packet);
        done.recipients
    }

    /// Calls `each` for each namespace of a family, with the packet in a form for any namespace.
    fn for_family<'a>(
        &self,
        to: Destination<'a>,
        pattern: &Pattern,
        packet: &Frame,
        mut each: impl FnMut(&LiveNamespace<Socket>, Destination<'_>, &NeutralPacket),
    ) {
        let namespaces = self.family(pattern);
        if namespaces.is_empty() {
            return;
        }
        let Some(packet) = NeutralPacket::of_frame(packet, to.namespace) else {
            return;
        };
        for namespace in namespaces {
            let to = Destination {
                namespace: &namespace.name,
                family: None,
                target: to.target,
            };
            each(&namespace, to, &packet);
        }
    }
}

impl Adapter for LocalNode<Socket> {
    fn next_ack(&self, namespace: &str) -> u64 {
        // Without a socket in the namespace the id is never sent.
        self.find(namespace)
            .map_or(0, |namespace| namespace.next_ack())
    }

    fn broadcast(&self, to: Destination<'_>, packet: &Frame, volatile: bool) -> usize {
        if let Some(pattern) = to.family {
            let mut recipients = 0;
            self.for_family(to, pattern, packet, |_, to, packet| {
                let frame = packet.to_frame(to.namespace, None);
                recipients += self.broadcast(to, &frame, volatile);
            });
            return recipients;
        }
        if self.recovery.get().is_some() {
            return self.broadcast_in_order(to, packet, volatile);
        }
        let Some(namespace) = self.find(to.namespace) else {
            return 0;
        };
        let Some(spoken) = self.spoken(packet, to.namespace) else {
            return 0;
        };
        let (mut fanout, mut recipients) = (Fanout::new(&spoken), 0);
        let mut watched = Watched::default();
        namespace.for_each(to.target, |socket| {
            recipients += 1;
            if !volatile {
                // A socket that has closed since it was selected could not have received it anyway.
                if fanout.send(socket.session()).is_ok() {
                    watched.sent_to(socket);
                }
            } else if fanout.send_volatile(socket.session()) {
                watched.sent_to(socket);
            } else {
                volatile_dropped(socket);
            }
        });
        fanout.finish();
        watched.tell(packet);
        if let Some(followers) = namespace.followers.get() {
            recipients += follower::tell(followers, to.target, packet, volatile);
        }
        recipients
    }

    fn ask(
        &self,
        to: Destination<'_>,
        packet: &Frame,
        ack: u64,
        _: Duration,
        answers: &Arc<AckCollector>,
    ) -> (AskGuard, usize) {
        if let Some(pattern) = to.family {
            let (mut guards, mut recipients) = (Vec::new(), 0);
            self.for_family(to, pattern, packet, |namespace, to, packet| {
                let ack = namespace.next_ack();
                let frame = packet.to_frame(to.namespace, Some(ack));
                let (guard, asked) = self.ask(to, &frame, ack, Duration::ZERO, answers);
                guards.push(guard);
                recipients += asked;
            });
            return (Box::new(guards), recipients);
        }
        let Some(spoken) = self.spoken(packet, to.namespace) else {
            return (Box::new(()), 0);
        };
        let mut asking = AskedSockets::new(ack, packet, &spoken, answers);
        self.for_each(to, |socket| asking.ask(socket));
        asking.finish()
    }

    fn fetch(&self, to: Destination<'_>, _: Duration) -> FetchFuture {
        let mut sockets = Vec::new();
        self.for_each(to, |socket| sockets.push(view(socket)));
        Box::pin(std::future::ready(Fetched {
            sockets,
            missing: Vec::new(),
        }))
    }

    fn join(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()> {
        let mut result = Ok(());
        self.for_each(to, |socket| {
            let joined = socket.join_list(rooms);
            // A socket that has closed meanwhile is not the caller's fault.
            if result.is_ok() && joined.as_ref().is_err_and(|error| !error.is_closed()) {
                result = joined;
            }
        });
        result
    }

    fn leave(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()> {
        self.for_each(to, |socket| socket.leave_list(rooms));
        Ok(())
    }

    fn disconnect(&self, to: Destination<'_>, all: bool) -> Result<()> {
        self.for_each(to, |socket| match all {
            true => socket.disconnect_all(),
            false => socket.disconnect(),
        });
        Ok(())
    }

    fn rooms(&self, namespace: &str) -> Vec<Room> {
        let Some(namespace) = self.find(namespace) else {
            return Vec::new();
        };
        let everybody: Selection<Socket> = namespace.rooms.select(&Target::default());
        let ids = everybody.iter().map(|socket| Room::from(socket.id()));
        namespace.rooms.names().into_iter().chain(ids).collect()
    }

    fn has_room(&self, namespace: &str, room: &str) -> bool {
        self.find(namespace).is_some_and(|namespace| {
            let is_socket = |id| namespace.rooms.get(&id).is_some();
            room.is_empty()
                || namespace.rooms.has_room(room)
                || (namespace.followers.get()).is_some_and(|followers| followers.has_room(room))
                || SocketId::parse(room).is_some_and(is_socket)
                || (namespace.log.as_ref()).is_some_and(|log| log.lock().is_awaited(room))
        })
    }

    fn live_namespaces(&self) -> Vec<Arc<str>> {
        self.live()
    }

    fn watch_occupancy(&self, watcher: Arc<dyn OccupancyWatcher>) {
        // A node is watched by its cluster alone.
        let _ = self.watcher.set(watcher);
    }

    fn observers(&self) -> &Observers {
        &self.observers
    }
}

pub(super) fn volatile_dropped(socket: &Socket) {
    socket.observers().notify(&Observation::VolatileDropped {
        namespace: socket.namespace(),
        socket: socket.id(),
    });
}

/// Describes a socket, for `fetch`.
pub(super) fn view(socket: &Socket) -> SocketView {
    SocketView {
        id: socket.id(),
        namespace: socket.namespace().to_owned(),
        rooms: socket.rooms(),
        handshake: socket.handshake().view(),
        data: socket.data_text().map(|text| (*text).to_owned()),
    }
}

/// Sends one event that carries an ack id to many sockets.
pub(super) struct AskedSockets<'a> {
    asked: PendingSockets,
    recipients: usize,
    fanout: Fanout<'a>,
    packet: &'a Frame,
    watched: Watched,
    answers: &'a Arc<AckCollector>,
}

/// Sockets that wait for the same ack id. Dropping it ends those waits.
struct PendingSockets {
    ack: u64,
    sockets: Vec<Socket>,
}

impl Drop for PendingSockets {
    fn drop(&mut self) {
        for socket in &self.sockets {
            socket.acks().forget(self.ack);
        }
    }
}

impl<'a> AskedSockets<'a> {
    /// `spoken`: the packet in the form that the clients speak.
    pub(super) fn new(
        ack: u64,
        packet: &'a Frame,
        spoken: &'a Frame,
        answers: &'a Arc<AckCollector>,
    ) -> Self {
        Self {
            asked: PendingSockets {
                ack,
                sockets: Vec::new(),
            },
            recipients: 0,
            fanout: Fanout::new(spoken),
            packet,
            watched: Watched::default(),
            answers,
        }
    }

    pub(super) fn ask(&mut self, socket: &Socket) {
        self.recipients += 1;
        let (id, ack) = (socket.id(), self.asked.ack);
        self.answers.expect(id);
        let limit = socket.core().config().pending_acks;
        // Before it is sent: another thread may resolve the answer at once.
        let asked = socket
            .acks()
            .collect(ack, limit, || socket.is_closed(), id, self.answers);
        let asked = asked.and_then(|()| {
            let sent = self.fanout.send(socket.session());
            sent.map_err(|refused| match refused {
                NotQueued::Full | NotQueued::SlowConsumer => NoAnswer::Full,
                NotQueued::Closed => NoAnswer::Closed,
            })
        });
        match asked {
            Ok(()) => {
                self.watched.sent_to(socket);
                self.asked.sockets.push(socket.clone());
            }
            Err(why) => {
                // `resolve` before `forget`, which drops the waiter and so resolves it as `Disconnected`.
                self.answers.resolve(id, Err(why));
                socket.acks().forget(ack);
            }
        }
    }

    /// The guard of the answers, and how many sockets there were.
    pub(super) fn finish(self) -> (AskGuard, usize) {
        self.fanout.finish();
        self.watched.tell(self.packet);
        (Box::new(self.asked), self.recipients)
    }
}
