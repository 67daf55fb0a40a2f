//! Events that one namespace takes, and that clients send to another.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

/// Which namespaces take which events. Built at the start, so clients add nothing to it.
#[derive(Default)]
pub(crate) struct EventsElsewhere(HashMap<&'static str, Takers>);

#[derive(Default)]
struct Takers {
    /// Names and patterns.
    namespaces: Vec<String>,
    /// Whether a client that sent the event to another namespace was logged.
    was_told: AtomicBool,
}

impl EventsElsewhere {
    pub(crate) fn add(&mut self, event: &'static str, namespace: &str) {
        // A client that sends an event of one of these names means no such handler.
        if matches!(event, "connection" | "disconnect" | "*") {
            return;
        }
        let takers = self.0.entry(event).or_default();
        if !takers.namespaces.iter().any(|taker| taker == namespace) {
            takers.namespaces.push(namespace.to_owned());
        }
    }

    /// Nothing takes this event in this namespace: logs, once for each event, that another one does.
    pub(crate) fn hint(&self, event: &str, namespace: &str) {
        let Some(takers) = self.0.get(event) else {
            return;
        };
        if takers.was_told.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::debug!(
            event,
            namespace,
            "no handler takes the event here: it is handled in {}",
            takers.namespaces.join(", ")
        );
    }
}
