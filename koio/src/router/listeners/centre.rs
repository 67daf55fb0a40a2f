//! What runs for an event of a socket, or in a namespace, that has something added.

use std::sync::Arc;

use super::added_listeners::{AddedListeners, ListenerPlace, take};
use crate::{
    Result,
    router::{
        answer::Reply,
        catch_unwind::guard,
        context::Context,
        pipeline::{
            endpoints::{ConnectionHandlers, report, run_others},
            event_table::NamespaceEvents,
            middleware::{BoxMiddleware, BoxReply, Endpoint, Next, Onion},
        },
    },
    socket::NamespaceAdditions,
};

/// The onion of an event, with what is added to its namespace and to its socket inside the middleware of the start.
pub(crate) fn onion_around(events: &Arc<NamespaceEvents>) -> Arc<Onion> {
    let inside = InsideNamespace(Arc::clone(events));
    Onion::new(Arc::clone(events.middleware()), Arc::new(inside))
}

/// The onion of a connection, with what is added to its namespace. `again`: without middleware, for a client that comes back.
pub(crate) fn connection_around(events: &NamespaceEvents, again: bool) -> Arc<Onion> {
    let connected = ConnectionListeners {
        added: Arc::clone(&events.added),
        handlers: events.connection_handlers.clone(),
    };
    let (outside, inside): (Arc<[BoxMiddleware]>, _) = match again {
        true => (Arc::default(), Arc::default()),
        false => (
            Arc::clone(events.middleware()),
            middleware_of(&*events.added),
        ),
    };
    let all: Arc<[BoxMiddleware]> = outside.iter().chain(inside.iter()).cloned().collect();
    Onion::new(all, Arc::new(connected))
}

/// The onion of a disconnect, with the middleware that is added to its namespace.
pub(crate) fn disconnect_around(events: &NamespaceEvents) -> Arc<Onion> {
    if !events.added.is_used() {
        return Arc::clone(&events.disconnect);
    }
    let inside = middleware_of(&*events.added);
    let all = events.middleware().iter().chain(inside.iter());
    let all: Arc<[BoxMiddleware]> = all.cloned().collect();
    Onion::new(all, Arc::new(events.disconnect_handlers.clone()))
}

/// Runs the listeners of `disconnect`, in order. Their errors are reported.
pub(crate) async fn at_disconnect(ctx: &Context, added: &NamespaceAdditions) {
    run_others(ctx, &take(added, "disconnect")).await;
    run_others(ctx, &take(ctx.socket(), "disconnect")).await;
}

/// What is inside the middleware of the start: that of the namespace and of the socket, and the handlers.
struct InsideNamespace(Arc<NamespaceEvents>);

impl Endpoint for InsideNamespace {
    fn call(&self, ctx: Context) -> BoxReply {
        let outside = middleware_of(&*self.0.added);
        let inside = middleware_of(ctx.socket());
        let all: Arc<[BoxMiddleware]> = match (&*outside, &*inside) {
            ([], _) => inside,
            (_, []) => outside,
            _ => outside.iter().chain(inside.iter()).cloned().collect(),
        };
        let handlers = TableAndListeners(Arc::clone(&self.0));
        Onion::new(all, Arc::new(handlers)).start(ctx)
    }

    fn goes_by_name(&self) -> bool {
        true
    }
}

fn middleware_of(place: &impl ListenerPlace) -> Arc<[BoxMiddleware]> {
    let listed = place.listed();
    listed.map_or_else(Arc::default, |listed: Arc<AddedListeners>| {
        listed.middleware()
    })
}

/// The handlers of the event table, and the listeners of the namespace and of the socket.
struct TableAndListeners(Arc<NamespaceEvents>);

impl TableAndListeners {
    /// All that run, in order. `*` is for what nothing else takes, in the table and among the listeners alike.
    fn all(&self, ctx: &Context) -> Vec<Next> {
        let listeners = |event: &str| {
            let mut listeners = take(&*self.0.added, event);
            listeners.extend(take(ctx.socket(), event));
            listeners
        };
        let event = ctx.event();
        let mut listening = match event {
            // Those are for the life of a socket: a client that sends an event of the name does not reach them.
            "connection" | "disconnect" => Vec::new(),
            event => listeners(event),
        };
        let entry = self.0.entry(event.as_bytes());
        let is_named = entry.is_named(event.as_bytes());
        let is_any = !is_named && listening.is_empty();
        if is_any {
            listening = listeners("*");
        }
        // An entry without handlers answers that the event has none: not if there are listeners.
        let of_table = (is_named || is_any) && (entry.has_handlers() || listening.is_empty());
        let of_table = of_table.then(|| self.0.inside_of(entry, ctx.clone()));
        let listening = listening.iter().map(|listener| listener.next(ctx.clone()));
        of_table.into_iter().chain(listening).collect()
    }
}

impl Endpoint for TableAndListeners {
    fn call(&self, ctx: Context) -> BoxReply {
        let mut handlers = self.all(&ctx).into_iter();
        Box::pin(async move {
            let Some(first) = handlers.next() else {
                return Ok(Reply::none());
            };
            let reply: Result<Reply> = guard(first.run()).await;
            for other in handlers {
                report(&ctx, guard(other.run()).await);
            }
            reply
        })
    }

    fn goes_by_name(&self) -> bool {
        true
    }
}

/// The connection handlers of the event table, and the listeners of the namespace.
struct ConnectionListeners {
    added: Arc<NamespaceAdditions>,
    handlers: ConnectionHandlers,
}

impl Endpoint for ConnectionListeners {
    fn call(&self, ctx: Context) -> BoxReply {
        let listeners = take(&*self.added, "connection");
        self.handlers.followed_by(listeners).call(ctx)
    }
}
