//! The events of one socket that wait for its handlers.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::config::SocketConfig;
use crate::wire::Event;

/// What a waiting event holds beside its text and attachments: its place in the queue, which grows by a quarter, and its
/// part of what an allocation costs.
pub(super) const EVENT_OVERHEAD: usize = size_of::<Event>() * 5 / 4 + 32;

/// Events in the order of arrival. Those within `event_queue` and `event_queue_bytes` come first; those beyond are
/// *parked*, and count in the connection's `read_ahead`.
///
/// Every event is copied when it enters: it is a slice of what it was read with, which can be a whole POST body, and the
/// limits would count a part of what the queue holds.
///
/// Boxed, and `None` while it is empty: most sockets have no waiting event.
#[derive(Default)]
pub(super) struct EventQueue(Option<Box<WaitingEvents>>);

/// Events that take a place in the bounds of a queue: those that run, until their futures are gone, and those that wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeldEvents {
    pub(super) count: usize,
    /// The sum of their [`weight`](Event::weight)s; of those that wait, with [`EVENT_OVERHEAD`] for each.
    pub(super) bytes: usize,
}

#[derive(Default)]
struct WaitingEvents {
    events: VecDeque<Event>,
    /// Where the texts of small events are copied to: they leave in the order in which they share it, so the last one keeps
    /// 2 KiB at most. With a copy of its own each would cost an allocation (`counts_events`, "late").
    texts: BytesMut,
    /// How many of them, from the front on, are within the socket's own limits.
    queued: usize,
    queued_bytes: usize,
    /// The bytes of the others.
    parked_bytes: usize,
}

/// What an event counts while it waits.
fn cost(event: &Event) -> usize {
    event.weight() + EVENT_OVERHEAD
}

impl EventQueue {
    /// Queues a copy of the event. It is parked until [`parked_bytes`](Self::parked_bytes) finds room for it.
    pub(super) fn push(&mut self, mut event: Event) {
        let waiting = self.0.get_or_insert_default();
        event.detach_into(&mut waiting.texts);
        waiting.parked_bytes += cost(&event);
        let events = &mut waiting.events;
        if events.len() == events.capacity() {
            // By a quarter, and not to the double: the bounds count what is held.
            events.reserve_exact((events.len() / 4).max(4));
        }
        events.push_back(event);
    }

    /// The oldest event.
    pub(super) fn first(&self) -> Option<&Event> {
        self.0.as_ref()?.events.front()
    }

    /// Takes the oldest event.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let waiting = self.0.as_mut()?;
        let event = waiting.events.pop_front()?;
        let cost = cost(&event);
        if waiting.queued > 0 {
            waiting.queued -= 1;
            waiting.queued_bytes -= cost;
        } else {
            waiting.parked_bytes -= cost;
        }
        let events = &mut waiting.events;
        if events.len() < events.capacity() / 4 {
            events.shrink_to(events.len() * 2);
        }
        Some(event)
    }

    /// The bytes of the events beyond the socket's own limits, which `running` takes a part of. What is within them exceeds
    /// `event_queue_bytes` by one event at most.
    pub(super) fn parked_bytes(&mut self, running: HeldEvents, config: &SocketConfig) -> usize {
        let Some(waiting) = &mut self.0 else {
            return 0;
        };
        // Each event moves once.
        while running.count + waiting.queued < config.event_queue
            && running.bytes + waiting.queued_bytes < config.event_queue_bytes
            && let Some(next) = waiting.events.get(waiting.queued)
        {
            let cost = cost(next);
            waiting.queued += 1;
            waiting.queued_bytes += cost;
            waiting.parked_bytes -= cost;
        }
        waiting.parked_bytes
    }

    /// The events that wait.
    pub(super) fn held(&self) -> HeldEvents {
        let held = |waiting: &WaitingEvents| HeldEvents {
            count: waiting.events.len(),
            bytes: waiting.queued_bytes + waiting.parked_bytes,
        };
        self.0.as_deref().map(held).unwrap_or_default()
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

    /// Frees the memory of an empty queue.
    pub(super) fn shrink(&mut self) {
        self.0.take_if(|waiting| waiting.events.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Assembler, Incoming, Message, PacketLimits};
    use bytes::Bytes;

    fn event_in(text: Bytes) -> Event {
        let mut assembler = Assembler::new(PacketLimits::default());
        match assembler.push(Message::Text(text)).unwrap() {
            Some(Incoming::Event { event, .. }) => event,
            other => panic!("{other:?}"),
        }
    }

    fn event(argument: &str) -> Event {
        event_in(format!(r#"2["e",{argument}]"#).into())
    }

    const IDLE: HeldEvents = HeldEvents { count: 0, bytes: 0 };

    fn limits(event_queue: usize, event_queue_bytes: usize) -> SocketConfig {
        SocketConfig {
            event_queue,
            event_queue_bytes,
            ..SocketConfig::default()
        }
    }

    #[test]
    fn events_beyond_the_number_are_parked_until_those_before_them_are_taken() {
        let two = limits(2, usize::MAX);
        let mut queue = EventQueue::default();
        for _ in 0..4 {
            queue.push(event("1"));
        }
        let each = EVENT_OVERHEAD + r#"["e",1]"#.len();
        assert_eq!(queue.parked_bytes(IDLE, &two), 2 * each);
        queue.pop();
        assert_eq!(queue.parked_bytes(IDLE, &two), each);
        queue.pop();
        assert_eq!(queue.parked_bytes(IDLE, &two), 0);
        assert_eq!(queue.len(), 2);
        while queue.pop().is_some() {}
        assert_eq!(queue.parked_bytes(IDLE, &two), 0);
        assert!(queue.is_empty());
    }

    #[test]
    fn events_beyond_the_bytes_are_parked_and_one_may_exceed_them() {
        let short = limits(256, 1_000);
        let mut queue = EventQueue::default();
        let long = || event(&format!("\"{}\"", "x".repeat(2_000)));
        queue.push(long());
        assert_eq!(queue.parked_bytes(IDLE, &short), 0);
        queue.push(long());
        assert!(queue.parked_bytes(IDLE, &short) > 2_000);
        queue.pop();
        assert_eq!(queue.parked_bytes(IDLE, &short), 0);
    }

    #[test]
    fn a_running_event_takes_a_place_and_its_bytes() {
        let mut queue = EventQueue::default();
        queue.push(event("1"));
        let running = HeldEvents {
            count: 1,
            bytes: 500,
        };
        assert!(queue.parked_bytes(running, &limits(1, usize::MAX)) > 0);
        assert!(queue.parked_bytes(running, &limits(256, 500)) > 0);
        assert_eq!(queue.parked_bytes(IDLE, &limits(1, 500)), 0);
    }

    #[test]
    fn a_waiting_event_keeps_nothing_of_what_it_was_read_with() {
        let body = Bytes::from(format!(r#"2["e",1]{}"#, " ".repeat(1_000_000)));
        let attachments = Bytes::from(vec![7; 60_000]);
        let mut binary = Assembler::new(PacketLimits::default());
        let head = r#"52-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        binary.push(Message::Text(head.into())).unwrap();
        binary
            .push(Message::Binary(attachments.slice(..10)))
            .unwrap();
        let last = Message::Binary(attachments.slice(5_000..10_000));
        let Some(Incoming::Event { event, .. }) = binary.push(last).unwrap() else {
            panic!("an event");
        };
        let mut queue = EventQueue::default();
        queue.push(event_in(body.slice(..8)));
        queue.push(event);
        assert!(body.is_unique() && attachments.is_unique());
        let event = queue.pop().unwrap();
        assert_eq!((event.name(), event.args.json()), ("e", &b"1"[..]));
        let event = queue.pop().unwrap();
        assert_eq!(event.args.attachments()[1], vec![7; 5_000]);
    }

    #[test]
    fn white_space_and_names_count_as_well() {
        let spaces = " ".repeat(10_000);
        assert!(event_in(format!(r#"2["e",1{spaces}]"#).into()).weight() > 10_000);
        let name = "é".repeat(100);
        let escaped: String = name.chars().map(|_| r"\u00e9").collect();
        let escaped = event_in(format!(r#"2["{escaped}"]"#).into());
        assert_eq!(escaped.name(), name);
        assert!(escaped.weight() >= 600 + 200);
    }

    #[test]
    fn the_queue_holds_little_more_than_it_counts() {
        let mut queue = EventQueue::default();
        for _ in 0..10_000 {
            queue.push(event("1"));
            let waiting = queue.0.as_ref().unwrap();
            let places = waiting.events.capacity() * size_of::<Event>();
            assert!(places <= waiting.parked_bytes + 4 * size_of::<Event>());
        }
        while queue.len() > 10 {
            queue.pop();
        }
        assert!(queue.0.as_ref().unwrap().events.capacity() < 100);
    }
}
