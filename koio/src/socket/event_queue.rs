//! The events of one socket that wait for its handlers.

use std::collections::VecDeque;

use super::SocketConfig;
use crate::wire::Event;

/// Counted in events and in bytes: two hundred events of a megabyte each are no small queue.
///
/// In a box, since nothing waits at nearly all sockets.
#[derive(Default)]
pub(super) struct EventQueue(Option<Box<QueuedEvents>>);

#[derive(Default)]
struct QueuedEvents {
    events: VecDeque<Event>,
    bytes: usize,
}

impl EventQueue {
    pub(super) fn push(&mut self, event: Event) {
        let waiting = self.0.get_or_insert_default();
        waiting.bytes += event.weight();
        waiting.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let waiting = self.0.as_mut()?;
        let event = waiting.events.pop_front()?;
        waiting.bytes -= event.weight();
        Some(event)
    }

    /// Whether nothing more should come. What is queued is over the limit by one message at most.
    pub(super) fn is_full(&self, config: &SocketConfig) -> bool {
        self.0.as_ref().is_some_and(|waiting| {
            waiting.events.len() >= config.event_queue || waiting.bytes >= config.event_queue_bytes
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |waiting| waiting.events.len())
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Gives back what an idle socket does not need.
    pub(super) fn rest(&mut self) {
        self.0.take_if(|waiting| waiting.events.is_empty());
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
        assert_eq!(queue.0.map(|waiting| waiting.bytes), Some(0));
    }
}
