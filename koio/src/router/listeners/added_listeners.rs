//! The listeners, the middleware and the observers of one socket, or of one namespace.

use std::sync::Arc;

use crate::{
    Result, Socket,
    observe::observer_panicked,
    router::{
        catch_unwind::guard_call,
        context::Context,
        pipeline::middleware::{BoxMiddleware, Onion},
    },
    socket::{IncomingAdditions, ListenerId, NamespaceAdditions, check_room},
};

/// A function that is called with each event.
pub(super) type EventObserver = Arc<dyn Fn(&Context) + Send + Sync>;

/// What is added to one socket or namespace, each list in the order in which it runs.
#[derive(Clone, Default)]
pub(crate) struct AddedListeners {
    listeners: Vec<EventListener>,
    middleware: Vec<(ListenerId, BoxMiddleware)>,
    observers: Vec<(ListenerId, EventObserver)>,
}

/// What a program can add to: a socket, or a namespace.
pub(super) trait ListenerPlace {
    /// What there is, if there is anything.
    fn listed(&self) -> Option<Arc<AddedListeners>>;
    /// Removes something, if there is anything.
    fn remove_listed<R>(&self, remove: impl FnOnce(&mut AddedListeners) -> R) -> Option<R>;
}

impl ListenerPlace for Socket {
    fn listed(&self) -> Option<Arc<AddedListeners>> {
        self.incoming_additions()
    }

    fn remove_listed<R>(&self, remove: impl FnOnce(&mut AddedListeners) -> R) -> Option<R> {
        self.remove_incoming(remove)
    }
}

impl ListenerPlace for NamespaceAdditions {
    fn listed(&self) -> Option<Arc<AddedListeners>> {
        Self::listed(self)
    }

    fn remove_listed<R>(&self, remove: impl FnOnce(&mut AddedListeners) -> R) -> Option<R> {
        self.remove(remove)
    }
}

/// A handler of one event.
#[derive(Clone)]
pub(super) struct EventListener {
    pub(super) id: ListenerId,
    /// A name, `connection` (of a namespace), `disconnect`, or `*`.
    pub(super) event: Arc<str>,
    /// Whether it is removed when it runs.
    pub(super) once: bool,
    /// The handler in its own middleware.
    pub(super) onion: Arc<Onion>,
}

impl EventListener {
    pub(super) fn new(event: &str, once: bool, onion: Arc<Onion>) -> Self {
        Self {
            id: ListenerId::fresh(),
            event: event.into(),
            once,
            onion,
        }
    }
}

impl IncomingAdditions for AddedListeners {
    fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.middleware.is_empty() && self.observers.is_empty()
    }
}

/// Adding and removing is done under a lock of the socket or of the namespace, which the program's closures may want when they are dropped. So what
/// is added is lent: the caller drops its own behind the lock, and with it what was refused.
impl AddedListeners {
    /// Adds listeners, in front of those that are there or behind them: all of them, or none.
    pub(super) fn listen(
        &mut self,
        added: &[EventListener],
        in_front: bool,
        limit: usize,
    ) -> Result<()> {
        check_room(self.listeners.len(), added.len(), limit)?;
        let at = if in_front { 0 } else { self.listeners.len() };
        self.listeners.splice(at..at, added.iter().cloned());
        Ok(())
    }

    pub(super) fn wrap(
        &mut self,
        id: ListenerId,
        middleware: &BoxMiddleware,
        limit: usize,
    ) -> Result<()> {
        check_room(self.middleware.len(), 1, limit)?;
        self.middleware.push((id, middleware.clone()));
        Ok(())
    }

    pub(super) fn observe(
        &mut self,
        id: ListenerId,
        observer: &EventObserver,
        in_front: bool,
        limit: usize,
    ) -> Result<()> {
        check_room(self.observers.len(), 1, limit)?;
        let at = if in_front { 0 } else { self.observers.len() };
        self.observers.insert(at, (id, Arc::clone(observer)));
        Ok(())
    }

    /// Removes what bears this id. False if nothing does.
    pub(super) fn remove(&mut self, id: ListenerId) -> bool {
        let all = |list: &Self| list.listeners.len() + list.middleware.len() + list.observers.len();
        let before = all(self);
        self.listeners.retain(|listener| listener.id != id);
        self.middleware.retain(|(other, _)| *other != id);
        self.observers.retain(|(other, _)| *other != id);
        all(self) < before
    }

    /// Removes the listeners of an event. Returns how many.
    pub(super) fn remove_event(&mut self, event: &str) -> usize {
        let before = self.listeners.len();
        self.listeners.retain(|listener| *listener.event != *event);
        before - self.listeners.len()
    }

    /// Removes the observers. Returns how many.
    pub(super) fn remove_observers(&mut self) -> usize {
        std::mem::take(&mut self.observers).len()
    }

    /// Its middleware, the outermost first.
    pub(super) fn middleware(&self) -> Arc<[BoxMiddleware]> {
        let middleware = self.middleware.iter();
        middleware
            .map(|(_, middleware)| middleware.clone())
            .collect()
    }

    fn of_event<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a EventListener> {
        let listeners = self.listeners.iter();
        listeners.filter(move |listener| *listener.event == *event)
    }
}

/// How many listeners of an event there are.
pub(super) fn count(place: &impl ListenerPlace, event: &str) -> usize {
    let listed = place.listed();
    listed.map_or(0, |listed| listed.of_event(event).count())
}

/// The events that have listeners, each once, in the order of those.
pub(super) fn events(place: &impl ListenerPlace) -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    if let Some(listed) = place.listed() {
        for listener in &listed.listeners {
            if !events.iter().any(|event| *event == *listener.event) {
                events.push((*listener.event).to_owned());
            }
        }
    }
    events
}

/// How many observers of what comes there are.
pub(super) fn observers(place: &impl ListenerPlace) -> usize {
    place.listed().map_or(0, |listed| listed.observers.len())
}

/// The listeners of an event, which is about to be handled: a listener that is `once` is removed with that, and runs for
/// no other.
pub(super) fn take(place: &impl ListenerPlace, event: &str) -> Vec<Arc<Onion>> {
    let Some(listed) = place.listed() else {
        return Vec::new();
    };
    if !listed.of_event(event).any(|listener| listener.once) {
        let onions = listed.of_event(event);
        return onions.map(|listener| Arc::clone(&listener.onion)).collect();
    }
    let taken = place.remove_listed(|listed| {
        let onions = listed.of_event(event);
        let onions = onions.map(|listener| Arc::clone(&listener.onion)).collect();
        listed
            .listeners
            .retain(|listener| !listener.once || *listener.event != *event);
        onions
    });
    taken.unwrap_or_default()
}

/// Calls the observers of what comes: those of the namespace, then those of the socket.
pub(crate) fn observe(ctx: &Context, added: &NamespaceAdditions) {
    observe_in(added, ctx);
    observe_in(ctx.socket(), ctx);
}

fn observe_in(place: &impl ListenerPlace, ctx: &Context) {
    let Some(listed) = place.listed() else {
        return;
    };
    for (_, observer) in &listed.observers {
        if guard_call(|| observer(ctx)).is_err() {
            observer_panicked();
        }
    }
}
