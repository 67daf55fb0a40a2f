//! The frozen event table: built once at the start, shared by all sockets, never changed.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
};

use foldhash::fast::FixedState;

use super::{
    endpoints::{ConnectionHandlers, DisconnectHandlers, NoHandler, SeveralHandlers},
    handler::Route,
    layer::{Pipeline, PipelineLayer},
    middleware::{BoxMiddleware, Endpoint, Next, Onion},
    run::{EventRun, HandlerFn, LayeredOnion, OnionRun, TimedHandler},
    server_route::{ServerHandler, ServerRoute},
};
use crate::{
    fast_path::FastPath,
    router::{
        context::{Context, NamespaceContext},
        once::OnceBy,
    },
    socket::{Concurrency, DeclaredNamespaces, NamespaceAdditions},
};

/// A map that does not change after the start. Names that clients send are looked up in it and never put into it, so
/// they can't make it slow, and its hash needs no secret.
type FrozenMap<K, V> = HashMap<K, V, FixedState>;

/// The events of all namespaces, and the tower layers around them.
#[derive(Default)]
pub(crate) struct EventTable {
    namespaces: NamespaceTable,
    layers: Option<Arc<Pipeline>>,
}

/// The events of all namespaces.
#[derive(Default)]
pub(crate) struct NamespaceTable {
    by_name: FrozenMap<Box<str>, Arc<NamespaceEvents>>,
    /// Those whose name is a pattern; no two match the same namespace.
    by_pattern: Vec<Arc<NamespaceEvents>>,
}

/// The events of one namespace, or of all that a pattern matches.
pub(crate) struct NamespaceEvents {
    pub(crate) context: Arc<NamespaceContext>,
    pub(crate) connection: Arc<Onion>,
    /// The same without the middleware of the server and of the namespace, for clients that come back.
    pub(crate) connection_again: Arc<Onion>,
    pub(crate) disconnect: Arc<Onion>,
    pub(crate) connection_handlers: ConnectionHandlers,
    pub(crate) disconnect_handlers: DisconnectHandlers,
    /// What is added to it while the server runs.
    pub(crate) added: Arc<NamespaceAdditions>,
    /// Whether the limit of any event is above one.
    pub(crate) may_overlap: bool,
    by_name: FrozenMap<&'static [u8], Arc<EventEntry>>,
    /// The event `*`: for names that have no entry.
    any: Arc<EventEntry>,
    /// The handlers of events that other servers send.
    server_side: HashMap<&'static str, ServerHandler>,
}

/// One event.
pub(crate) struct EventEntry {
    /// `*` for the entry of all events that have none of their own.
    name: &'static str,
    onion: Arc<Onion>,
    /// How many events of a socket may run while one of these does.
    limit: Concurrency,
    has_handlers: bool,
    /// The key by which it is handled once, if it has one.
    once_by: Option<OnceBy>,
    /// The handler, if it is the only one and there is neither middleware nor a timeout around it.
    bare: Option<Arc<dyn HandlerFn>>,
}

impl EventTable {
    /// Puts the layers, of which the first is the outermost, around the events.
    pub(crate) fn new(namespaces: NamespaceTable, layers: Vec<PipelineLayer>) -> Self {
        let layers = (!layers.is_empty()).then(|| {
            let layers = layers.into_iter().rev();
            Arc::new(layers.fold(Pipeline::innermost(), |inner, layer| layer(inner)))
        });
        Self { namespaces, layers }
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<&Arc<NamespaceEvents>> {
        self.namespaces.get(name)
    }

    /// The events of a namespace, or of a family by its pattern.
    pub(crate) fn namespace_or_family(&self, name: &str) -> Option<&Arc<NamespaceEvents>> {
        let is_named = |events: &&Arc<NamespaceEvents>| {
            let pattern = events.context.pattern.as_ref();
            pattern.is_some_and(|pattern| pattern.to_string() == name)
        };
        let families = || self.namespaces.by_pattern.iter().find(is_named);
        self.namespace(name).or_else(families)
    }

    /// The names and the patterns that clients may connect to.
    pub(crate) fn declared(&self) -> DeclaredNamespaces {
        self.namespaces.declared()
    }

    pub(crate) fn layers(&self) -> Option<&Arc<Pipeline>> {
        self.layers.as_ref()
    }
}

impl NamespaceTable {
    /// Adds a namespace: under this name, or, if its context has a pattern, under that.
    pub(crate) fn insert(&mut self, name: String, events: NamespaceEvents) {
        let events = Arc::new(events);
        let weak: Weak<NamespaceEvents> = Arc::downgrade(&events);
        // Set once, here.
        let _ = events.context.events.set(weak);
        if events.context.pattern.is_some() {
            self.by_pattern.push(events);
        } else {
            self.by_name.insert(name.into(), events);
        }
    }

    /// The events of a namespace. One declared by this name comes before the patterns.
    fn get(&self, name: &str) -> Option<&Arc<NamespaceEvents>> {
        let matches = |events: &&Arc<NamespaceEvents>| {
            let pattern = events.context.pattern.as_ref();
            pattern.is_some_and(|pattern| pattern.matches(name))
        };
        self.by_name
            .get(name)
            .or_else(|| self.by_pattern.iter().find(matches))
    }

    fn declared(&self) -> DeclaredNamespaces {
        let mut declared = DeclaredNamespaces::default();
        for (name, events) in &self.by_name {
            declared.add(name, None, &events.added);
        }
        for events in &self.by_pattern {
            if let Some(pattern) = &events.context.pattern {
                declared.add(&pattern.to_string(), Some(pattern), &events.added);
            }
        }
        declared
    }
}

impl NamespaceEvents {
    /// Sorts the handlers of a namespace by event, and puts its middleware around each event. `limit` is for those that
    /// name none.
    pub(crate) fn new(
        middleware: &Arc<[BoxMiddleware]>,
        limit: Concurrency,
        routes: Vec<Route>,
        server_side: Vec<ServerRoute>,
        context: NamespaceContext,
    ) -> Self {
        let mut by_event: HashMap<&'static str, Vec<Route>> = HashMap::new();
        for route in routes {
            by_event.entry(route.meta.event).or_default().push(route);
        }
        let mut take = |event| sorted(by_event.remove(event).unwrap_or_default());
        let connection_handlers = ConnectionHandlers(onions(take("connection")));
        let connection: Arc<dyn Endpoint> = Arc::new(connection_handlers.clone());
        let disconnect_handlers = DisconnectHandlers::new(
            take("disconnect")
                .into_iter()
                .map(|route| (endpoint(&route), route.wraps)),
        );
        let any = Arc::new(EventEntry::new("*", middleware, limit, take("*")));
        let around = |endpoint| Onion::new(Arc::clone(middleware), endpoint);
        let by_name: FrozenMap<_, _> = by_event
            .into_iter()
            .map(|(event, routes)| {
                let entry = EventEntry::new(event, middleware, limit, sorted(routes));
                (event.as_bytes(), Arc::new(entry))
            })
            .collect();
        let overlaps = |entry: &Arc<EventEntry>| entry.limit > Concurrency::ONE;
        let may_overlap = overlaps(&any) || by_name.values().any(overlaps);
        Self {
            may_overlap,
            context: Arc::new(context),
            connection_again: Onion::new([], Arc::clone(&connection)),
            connection: around(connection),
            disconnect: around(Arc::new(disconnect_handlers.clone())),
            connection_handlers,
            disconnect_handlers,
            added: Arc::default(),
            by_name,
            any,
            server_side: server_side
                .into_iter()
                .map(|route| (route.meta.event, route.handler))
                .collect(),
        }
    }

    /// The handler of an event of another server.
    pub(crate) fn server_handler(&self, name: &str) -> Option<&ServerHandler> {
        self.server_side.get(name)
    }

    /// The middleware of the server and of the namespace.
    pub(crate) fn middleware(&self) -> &Arc<[BoxMiddleware]> {
        &self.disconnect.middleware
    }

    /// What is inside the middleware of the server and of the namespace for an event of this entry.
    pub(crate) fn inside_of(&self, entry: &EventEntry, ctx: Context) -> Next {
        entry.onion.inside(ctx, self.middleware().len())
    }

    /// The event with this name, or `*`.
    pub(crate) fn entry(&self, name: &[u8]) -> &Arc<EventEntry> {
        self.by_name.get(name).unwrap_or(&self.any)
    }
}

impl Drop for NamespaceEvents {
    /// Nothing runs any more what was added: its closures may hold a handle of the server, which holds them.
    fn drop(&mut self) {
        self.added.end();
    }
}

/// The handler that answers first, the others in the order of the list.
fn sorted(mut routes: Vec<Route>) -> Vec<Route> {
    // A stable sort.
    routes.sort_by_key(|route| route.also);
    routes
}

/// The handler, inside its timeout.
fn endpoint(route: &Route) -> Arc<dyn Endpoint> {
    let handler = Arc::clone(&route.handler);
    match route.timeout {
        Some(timeout) => Arc::new(TimedHandler { handler, timeout }),
        None => handler,
    }
}

/// A handler in its own middleware.
pub(crate) fn onion_of(route: &Route) -> Arc<Onion> {
    Onion::of_handler(route.wraps.clone(), route.wraps.len(), endpoint(route))
}

/// Each handler in its own middleware.
fn onions(routes: Vec<Route>) -> Arc<[Arc<Onion>]> {
    routes.iter().map(onion_of).collect()
}

impl EventEntry {
    fn new(
        name: &'static str,
        middleware: &Arc<[BoxMiddleware]>,
        limit: Concurrency,
        mut routes: Vec<Route>,
    ) -> Self {
        // Handlers of one event run one after the other. One of them that must run alone makes the event run alone.
        let limits = routes.iter().map(|route| {
            let own = route.concurrency.and_then(Concurrency::new);
            own.unwrap_or(limit)
        });
        let limit = limits.min().unwrap_or(limit);
        let once_by = routes.iter_mut().find_map(|route| route.once_by.take());
        if let [route] = &mut *routes {
            let own = std::mem::take(&mut route.wraps);
            let is_bare = middleware.is_empty() && own.is_empty() && route.timeout.is_none();
            let count = own.len();
            let all: Arc<[BoxMiddleware]> = middleware.iter().cloned().chain(own).collect();
            return Self {
                name,
                limit,
                onion: Onion::of_handler(all, count, endpoint(route)),
                has_handlers: true,
                once_by,
                bare: is_bare.then(|| Arc::clone(&route.handler)),
            };
        }
        let has_handlers = !routes.is_empty();
        let endpoint: Arc<dyn Endpoint> = if has_handlers {
            Arc::new(SeveralHandlers(onions(routes)))
        } else {
            Arc::new(NoHandler)
        };
        Self {
            name,
            limit,
            onion: Onion::new(Arc::clone(middleware), endpoint),
            has_handlers,
            once_by,
            bare: None,
        }
    }

    /// The event, for the log.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What is around its handlers, and they.
    pub(crate) fn onion(&self) -> &Arc<Onion> {
        &self.onion
    }

    /// The key by which it is handled once.
    pub(crate) fn once_by(&self) -> Option<&OnceBy> {
        self.once_by.as_ref()
    }

    /// Whether there is a handler.
    pub(crate) fn has_handlers(&self) -> bool {
        self.has_handlers
    }

    /// How many events of a socket may run while one of these does.
    pub(crate) fn limit(&self) -> Concurrency {
        self.limit
    }

    /// Whether it is the entry of the events with this name. A client may send an event called `*`, whose entry is the
    /// same.
    pub(crate) fn is_named(&self, name: &[u8]) -> bool {
        self.name.as_bytes() == name
    }

    /// What the session's task runs for an event of this entry.
    pub(crate) fn run(
        &self,
        ctx: Context,
        layers: Option<&Arc<Pipeline>>,
    ) -> Pin<Box<dyn EventRun>> {
        match &self.bare {
            Some(handler) if layers.is_none() && FastPath::DirectHandler.is_on() => {
                Arc::clone(handler).run_direct(ctx)
            }
            _ => Box::pin(OnionRun::new(
                ctx,
                LayeredOnion {
                    layers: layers.cloned(),
                    onion: Arc::clone(&self.onion),
                },
            )),
        }
    }
}

impl fmt::Debug for EventTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventTable")
            .field("namespaces", &self.namespaces.by_name.keys())
            .finish_non_exhaustive()
    }
}
