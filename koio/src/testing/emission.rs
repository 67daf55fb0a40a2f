//! [`Emission`]: an event that a handler emitted which was called by itself.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    decoder::{Decoder, ServerPacket, messages},
    line::WeakLine,
    received::ReceivedEvent,
};
use crate::{
    Result, Room, SocketId,
    adapter::{AckCollector, Adapter, AskGuard, Destination, FetchFuture},
    engine::Session,
    observe::Observers,
    wire::{Frame, RawArgs},
};

/// An event that was emitted from a [`TestContext`](super::TestContext), and whom it means.
#[derive(Clone, Debug)]
pub struct Emission {
    namespace: String,
    rooms: Vec<Room>,
    except: Vec<Room>,
    event: ReceivedEvent,
}

impl Emission {
    /// The event: its name and its arguments. An emit that asks has [`wants_reply`](ReceivedEvent::wants_reply).
    #[must_use]
    pub fn event(&self) -> &ReceivedEvent {
        &self.event
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.event.name()
    }

    /// The argument at this index, from zero: [`ReceivedEvent::get`].
    ///
    /// # Errors
    /// `bad_request`, if it is no `T`.
    pub fn get<T: serde::de::DeserializeOwned>(&self, index: usize) -> Result<T> {
        self.event.get(index)
    }

    /// The namespace that it was emitted to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The rooms that it means, those of sockets among them; none: everybody in the namespace.
    #[must_use]
    pub fn rooms(&self) -> Vec<&str> {
        self.rooms.iter().map(Room::as_str).collect()
    }

    /// The rooms that it leaves out. `ctx.broadcast` leaves out the context's own socket.
    #[must_use]
    pub fn except(&self) -> Vec<&str> {
        self.except.iter().map(Room::as_str).collect()
    }

    /// Whether it means everybody in the namespace, but for those in [`except`](Self::except).
    #[must_use]
    pub fn is_to_all(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether it means this socket alone.
    #[must_use]
    pub fn is_to(&self, socket: SocketId) -> bool {
        self.rooms() == [socket.as_str()]
    }
}

/// The emissions of a [`TestContext`](super::TestContext): to its own socket, which come out of `session`, and to others, which
/// the [`Recorder`] adds.
pub(super) struct Emissions {
    namespace: String,
    socket: SocketId,
    session: Session,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    decoder: Decoder,
    emissions: VecDeque<Emission>,
    answers: VecDeque<ReceivedEvent>,
}

impl Emissions {
    pub(super) fn new(namespace: &str, socket: SocketId, session: Session) -> Arc<Self> {
        Arc::new(Self {
            namespace: namespace.to_owned(),
            socket,
            session,
            found: Mutex::default(),
        })
    }

    /// What was emitted since the last call.
    pub(super) fn take(&self) -> Vec<Emission> {
        let mut found = self.found.lock();
        self.collect(&mut found);
        found.emissions.drain(..).collect()
    }

    /// The oldest answer that was not taken.
    pub(super) fn take_answer(&self) -> Option<ReceivedEvent> {
        let mut found = self.found.lock();
        self.collect(&mut found);
        found.answers.pop_front()
    }

    /// Takes what the context's own socket was sent.
    fn collect(&self, found: &mut Found) {
        while let Some(frame) = self.session.shared().outbox.pop() {
            for packet in found.packets(&frame) {
                match packet {
                    ServerPacket::Event { ack, list } => {
                        let event = self.event(ack, list);
                        found.emissions.push_back(Emission {
                            namespace: self.namespace.clone(),
                            rooms: vec![self.socket.into()],
                            except: Vec::new(),
                            event,
                        });
                    }
                    ServerPacket::Answer { list, .. } => {
                        found
                            .answers
                            .push_back(ReceivedEvent::answer("answer", list));
                    }
                    ServerPacket::Connected { .. }
                    | ServerPacket::Refused(_)
                    | ServerPacket::Left => {}
                }
            }
        }
    }

    fn event(&self, ack: Option<u64>, list: RawArgs) -> ReceivedEvent {
        ReceivedEvent::event(&WeakLine::default(), &self.namespace, ack, list)
    }

    fn record(&self, to: Destination<'_>, packet: &Frame) {
        let mut found = self.found.lock();
        // What its own socket was sent came before.
        self.collect(&mut found);
        for packet in found.packets(packet) {
            if let ServerPacket::Event { ack, list } = packet {
                let event = self.event(ack, list);
                found.emissions.push_back(Emission {
                    namespace: to.namespace.to_owned(),
                    rooms: to.target.rooms.clone(),
                    except: to.target.except.clone(),
                    event,
                });
            }
        }
    }
}

impl Found {
    fn packets(&mut self, frame: &Frame) -> Vec<ServerPacket> {
        let mut packets = Vec::new();
        for message in messages(frame) {
            match self.decoder.push(message) {
                Ok(packet) => packets.extend(packet.map(|(_, packet)| packet)),
                Err(error) => tracing::warn!(?error, "what was emitted can't be read"),
            }
        }
        packets
    }
}

/// The adapter of a [`TestContext`](super::TestContext): keeps emits to rooms and namespaces without sending them, and gives
/// everything else to `local`.
pub(super) struct Recorder {
    pub(super) emissions: Arc<Emissions>,
    pub(super) local: Arc<dyn Adapter>,
}

impl Adapter for Recorder {
    fn next_ack(&self, namespace: &str) -> u64 {
        self.local.next_ack(namespace)
    }

    fn broadcast(&self, to: Destination<'_>, packet: &Frame, _: bool) -> usize {
        self.emissions.record(to, packet);
        0
    }

    fn ask(
        &self,
        to: Destination<'_>,
        packet: &Frame,
        _: u64,
        _: Duration,
        _: &Arc<AckCollector>,
    ) -> (AskGuard, usize) {
        self.emissions.record(to, packet);
        (Box::new(()), 0)
    }

    fn fetch(&self, to: Destination<'_>, wait: Duration) -> FetchFuture {
        self.local.fetch(to, wait)
    }

    fn join(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()> {
        self.local.join(to, rooms)
    }

    fn leave(&self, to: Destination<'_>, rooms: &[Room]) -> Result<()> {
        self.local.leave(to, rooms)
    }

    fn disconnect(&self, to: Destination<'_>, all: bool) -> Result<()> {
        self.local.disconnect(to, all)
    }

    fn rooms(&self, namespace: &str) -> Vec<Room> {
        self.local.rooms(namespace)
    }

    fn has_room(&self, namespace: &str, room: &str) -> bool {
        self.local.has_room(namespace, room)
    }

    fn observers(&self) -> &Observers {
        self.local.observers()
    }
}
