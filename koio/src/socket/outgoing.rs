//! An event that is sent, as the observers of one socket see it.

use std::{fmt, sync::Arc};

use serde::de::{DeserializeOwned, IgnoredAny};

use super::{catch_unwind::caught, listener_id::ListenerId};
use crate::{
    Error, Result,
    observe::observer_panicked,
    wire::{Event, Frame, JsonPacket, PacketKind},
};

/// An event on its way to a client, for [`Socket::on_any_outgoing`](crate::Socket::on_any_outgoing).
pub struct OutgoingEvent(Event);

/// Is told of each event that is sent to a socket.
#[derive(Clone)]
pub(super) struct OutgoingObserver {
    pub(super) id: ListenerId,
    pub(super) tell: Arc<dyn Fn(&OutgoingEvent) + Send + Sync>,
}

impl OutgoingEvent {
    /// The event in a packet that was encoded for this namespace. `None` for other packets, and for values that are nested too
    /// deep to be read.
    pub(super) fn of_frame(frame: &Frame, namespace: &str) -> Option<Self> {
        event_of_frame(frame, namespace).map(Self)
    }

    /// The event's name.
    #[must_use]
    pub fn event(&self) -> &str {
        self.0.name()
    }

    /// Its arguments as JSON text, with commas between them; `{"_placeholder":true,"num":0}` stands for the first binary.
    #[must_use]
    pub fn json(&self) -> &str {
        std::str::from_utf8(self.0.args.json()).unwrap_or_default()
    }

    /// Reads the argument at this index, from zero, binary included. One that is missing counts as `null`.
    ///
    /// # Errors
    /// Hidden from the client: it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T> {
        let mut reader = self.0.args.reader();
        for _ in 0..index {
            // What is not there is read as `null` below.
            if let Ok(None) = reader.next::<IgnoredAny>() {
                break;
            }
        }
        let number = index.saturating_add(1);
        reader
            .next_or_null()
            .map_err(|error| Error::internal(format!("argument {number} of what is sent: {error}")))
    }

    /// Whether the server waits for an answer.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.0.ack.is_some()
    }
}

impl fmt::Debug for OutgoingEvent {
    /// Without the arguments, which are the program's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingEvent")
            .field("event", &self.event())
            .finish_non_exhaustive()
    }
}

/// The event in a packet that was encoded for this namespace, to be read as one that has come. `None` for other packets, and for
/// values that are nested too deep to be read.
pub(crate) fn event_of_frame(frame: &Frame, namespace: &str) -> Option<Event> {
    let mut parts = frame.parts();
    let packet = JsonPacket::read(parts.next()?.payload, namespace)?;
    if packet.kind != PacketKind::Event {
        return None;
    }
    let copied = |data: &[u8]| bytes::Bytes::copy_from_slice(data);
    let attachments = parts.map(|part| copied(part.payload)).collect();
    Event::of_list(copied(packet.data), attachments, packet.id).ok()
}

impl OutgoingObserver {
    /// A panic is logged.
    pub(super) fn observe(&self, outgoing: &OutgoingEvent) {
        if caught(|| (self.tell)(outgoing)).is_err() {
            observer_panicked();
        }
    }
}
