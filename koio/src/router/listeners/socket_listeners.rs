//! The listeners, the middleware and the observers of one socket.

use std::sync::Arc;

use crate::{
    Result, Socket,
    observe::observer_panicked,
    router::{
        catch_unwind::guard_call,
        context::Context,
        pipeline::middleware::{BoxMiddleware, Onion},
    },
    socket::{IncomingAdditions, ListenerId, check_room},
};

/// A function that is called with each event.
pub(super) type EventObserver = Arc<dyn Fn(&Context) + Send + Sync>;

/// What is added to one socket, each list in the order in which it runs.
#[derive(Clone, Default)]
pub(crate) struct SocketListeners {
    listeners: Vec<EventListener>,
    middleware: Vec<(ListenerId, BoxMiddleware)>,
    observers: Vec<(ListenerId, EventObserver)>,
}

/// A handler of one event.
#[derive(Clone)]
pub(super) struct EventListener {
    pub(super) id: ListenerId,
    /// A name, `disconnect`, or `*`.
    pub(super) event: Arc<str>,
    /// Whether it is removed when it runs.
    pub(super) once: bool,
    /// The handler in its own middleware.
    pub(super) onion: Arc<Onion>,
}

impl IncomingAdditions for SocketListeners {
    fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.middleware.is_empty() && self.observers.is_empty()
    }
}

/// Adding and removing is done under a lock of the socket, which the program's closures may want when they are dropped. So what
/// is added is lent: the caller drops its own behind the lock, and with it what was refused.
impl SocketListeners {
    /// Adds listeners: all of them, or none.
    pub(super) fn listen(&mut self, added: &[EventListener], limit: usize) -> Result<()> {
        check_room(self.listeners.len(), added.len(), limit)?;
        self.listeners.extend_from_slice(added);
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

/// How many listeners of an event a socket has.
pub(super) fn count(socket: &Socket, event: &str) -> usize {
    let listed = socket.incoming_additions::<SocketListeners>();
    listed.map_or(0, |listed| listed.of_event(event).count())
}

/// The listeners of an event, which is about to be handled: a listener that is `once` is removed with that, and runs for
/// no other.
pub(super) fn take(socket: &Socket, event: &str) -> Vec<Arc<Onion>> {
    let Some(listed) = socket.incoming_additions::<SocketListeners>() else {
        return Vec::new();
    };
    if !listed.of_event(event).any(|listener| listener.once) {
        let onions = listed.of_event(event);
        return onions.map(|listener| Arc::clone(&listener.onion)).collect();
    }
    let taken = socket.remove_incoming(|listed: &mut SocketListeners| {
        let onions = listed.of_event(event);
        let onions = onions.map(|listener| Arc::clone(&listener.onion)).collect();
        listed
            .listeners
            .retain(|listener| !listener.once || *listener.event != *event);
        onions
    });
    taken.unwrap_or_default()
}

/// Calls the observers of what comes.
pub(crate) fn observe(ctx: &Context) {
    let Some(listed) = ctx.socket().incoming_additions::<SocketListeners>() else {
        return;
    };
    for (_, observer) in &listed.observers {
        if guard_call(|| observer(ctx)).is_err() {
            observer_panicked();
        }
    }
}
