//! The events of one socket that wait for its handlers.

use std::collections::VecDeque;

use super::config::SocketConfig;
use crate::wire::Event;

/// Bounded in events and in bytes. Boxed, and `None` while it is empty: most sockets have no queued event.
#[derive(Default)]
pub(super) struct EventQueue(Option<Box<QueuedEvents>>);

#[derive(Default)]
struct QueuedEvents {
    events: VecDeque<Event>,
    bytes: usize,
}

impl EventQueue {
    pub(super) fn push(&mut self, event: Event) {
        let queued = self.0.get_or_insert_default();
        queued.bytes += event.weight();
        queued.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let queued = self.0.as_mut()?;
        let event = queued.events.pop_front()?;
        queued.bytes -= event.weight();
        Some(event)
    }

    /// Whether the connection should not be read. What is queued exceeds a limit by one message at most.
    pub(super) fn is_full(&self, config: &SocketConfig) -> bool {
        self.0.as_ref().is_some_and(|queued| {
            queued.events.len() >= config.event_queue || queued.bytes >= config.event_queue_bytes
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queued| queued.events.len())
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Frees the memory of an empty queue.
    pub(super) fn shrink(&mut self) {
        self.0.take_if(|queued| queued.events.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Assembler, Incoming, Message, PacketLimits};

    fn event(argument: &str) -> Event {
        let text = format!(r#"2["e",{argument}]"#);
        let mut assembler = Assembler::new(PacketLimits::default());
        match assembler.push(Message::Text(text.into())).unwrap() {
            Some(Incoming::Event { event, .. }) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_full_by_events_or_by_bytes_and_gives_both_back() {
        let few = SocketConfig {
            event_queue: 2,
            ..SocketConfig::default()
        };
        let short = SocketConfig {
            event_queue_bytes: 100,
            ..SocketConfig::default()
        };
        let mut queue = EventQueue::default();
        queue.push(event("1"));
        assert!(!queue.is_full(&few) && !queue.is_full(&short));
        queue.push(event(&format!("\"{}\"", "x".repeat(100))));
        assert!(queue.is_full(&few) && queue.is_full(&short));
        assert!(queue.pop().is_some());
        assert!(!queue.is_full(&few) && queue.is_full(&short));
        assert!(queue.pop().is_some());
        assert!(queue.pop().is_none() && queue.is_empty());
        assert_eq!(queue.0.map(|queued| queued.bytes), Some(0));
    }
}
