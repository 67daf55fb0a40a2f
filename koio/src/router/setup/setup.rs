//! Everything that a server is made of before it starts.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
};

use serde::Serialize;
use tower::{Layer, Service};

#[cfg(feature = "discover")]
use super::discover;
use super::{
    check::{self, Problems},
    check_once,
    describe::Table,
    handlers::IntoRoutes,
    namespace::Namespace,
    parts::StateValue,
    suspicions,
};
#[cfg(feature = "discover")]
use crate::router::pipeline::handler::Meta;
use crate::{
    Error, Result,
    error::BoxError,
    router::{
        answer::{Answer, Reply},
        context::{Context, ErrorHooks, EventsElsewhere, NamespaceContext},
        pipeline::{
            BoxMiddleware, EventTable, Next, Pipeline,
            event_table::{NamespaceEvents, NamespaceTable},
            layer::PipelineLayer,
        },
    },
    socket::{Concurrency, ServerEvent, SocketConfig},
};

/// State, middleware, handlers and namespaces: the half of [`Io`](crate::Io) that is about events.
///
/// The methods are documented there.
#[derive(Default)]
#[must_use = "a setup does nothing until a server is made of it"]
pub(crate) struct Setup {
    states: Vec<StateValue>,
    root: Namespace,
    namespaces: Vec<(String, Namespace)>,
    layers: Vec<PipelineLayer>,
    errors: ErrorHooks,
    /// Whether all `#[on]` functions of the program were taken: then the table is logged at level `info`.
    discovered: bool,
}

impl Setup {
    /// A set-up without handlers.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes every `#[on]` function of the program. Methods of `#[on] impl` blocks need a value, so they must still be
    /// listed.
    #[cfg(feature = "discover")]
    pub(crate) fn discover() -> Self {
        let mut setup = Self::default();
        setup.root.routes = discover::all();
        setup.discovered = true;
        setup
    }

    /// Shares a value with all handlers, which take it as [`State<T>`](crate::State). One for each type.
    #[track_caller]
    pub(crate) fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.push(StateValue::new(value));
        self
    }

    /// Puts a middleware around every event of every namespace, connection and disconnect included. The first
    /// is the outermost. koa's `app.use`.
    pub(crate) fn wrap<F, Fut>(mut self, middleware: F) -> Self
    where
        F: Fn(Context, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply>> + Send + 'static,
    {
        self.root.wraps.push(BoxMiddleware::new(middleware));
        self
    }

    /// Lets so many events of one socket overlap, in every namespace and for every handler that says nothing else.
    #[track_caller]
    pub(crate) fn concurrency(mut self, events: usize) -> Self {
        self.root = self.root.concurrency(events);
        self
    }

    /// Puts a tower layer around every event and connection of every namespace, outside all middleware. The
    /// first is the outermost. It is shared by all sockets.
    ///
    /// A client whose event a layer turns away is answered `timeout`, `overloaded`, or `internal`.
    pub(crate) fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Pipeline> + Send + 'static,
        L::Service: Service<Context, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Context>>::Error: Into<BoxError>,
        <L::Service as Service<Context>>::Future: Send + 'static,
    {
        self.layers.push(Pipeline::boxed_layer(layer));
        self
    }

    /// Adds handlers: a list made by `handlers![]`, or a value whose methods are handlers. They belong to `/`
    /// unless they say otherwise (`#[on("event", ns = "/chat")]`).
    pub(crate) fn handlers(mut self, handlers: impl IntoRoutes) -> Self {
        self.root = self.root.handlers(handlers);
        self
    }

    /// Handles an event of `/` with a closure, which reads its arguments from the context.
    #[track_caller]
    pub(crate) fn on<F, Fut, T>(mut self, event: &'static str, handler: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Answer + 'static,
    {
        self.root = self.root.on(event, handler);
        self
    }

    /// Handles an event of `/` once for each key.
    #[track_caller]
    pub(crate) fn once_by(mut self, event: &'static str, pointer: &'static str) -> Self {
        self.root = self.root.once_by(event, pointer);
        self
    }

    /// Handles an event of other servers for `/`.
    #[track_caller]
    pub(crate) fn on_server_side<F, Fut, T>(mut self, event: &'static str, handler: F) -> Self
    where
        F: Fn(ServerEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        T: Serialize + Send + 'static,
    {
        self.root = self.root.on_server_side(event, handler);
        self
    }

    /// Adds a namespace. Its middleware is inside the server's.
    pub(crate) fn namespace(mut self, path: impl Into<String>, namespace: Namespace) -> Self {
        self.namespaces.push((path.into(), namespace));
        self
    }

    /// Calls a function with every error that leaves an onion. Without one, errors are logged.
    pub(crate) fn on_error(
        mut self,
        observer: impl Fn(&Error, &Context) + Send + Sync + 'static,
    ) -> Self {
        self.errors.observers.push(Box::new(observer));
        self
    }

    /// Gives an error of your own its code: instead of `internal`, the client gets what `map` makes of it.
    pub(crate) fn map_error<E>(mut self, map: impl Fn(&E) -> Error + Send + Sync + 'static) -> Self
    where
        E: StdError + 'static,
    {
        self.errors
            .maps
            .push(Box::new(move |error| error.downcast_ref().map(&map)));
        self
    }

    /// All handlers, as a table.
    #[must_use]
    pub(crate) fn describe(&self) -> Table {
        Table::new(&self.root, &self.namespaces)
    }

    /// Checks everything and makes the event table of it. Some tower layers start a task, so this is to be called in a
    /// runtime.
    /// `limits`: the options of the server.
    pub(crate) fn freeze(self, limits: &SocketConfig) -> Result<Arc<EventTable>> {
        let event_queue = limits.event_queue;
        let description = self.describe();
        let Self {
            states,
            mut root,
            namespaces,
            layers,
            errors,
            discovered,
        } = self;

        let mut problems = Problems::default();
        let server_wide = std::mem::take(&mut root.wraps);
        let concurrency = root.concurrency.take();
        let mut namespaces = check::namespaces(root, namespaces, &mut problems);
        check::states(&states, &mut problems);
        check::concurrency(concurrency, event_queue, &mut problems);
        for namespace in &mut namespaces {
            check_once::once_by(namespace, &mut problems);
            check::handlers(namespace, &states, &mut problems);
            check::server_side(namespace, &mut problems);
            check::concurrency(namespace.parts.concurrency, event_queue, &mut problems);
            check::own_concurrency(namespace, event_queue, &mut problems);
            check::lengths(namespace, &limits.packets, &mut problems);
        }
        problems.into_result()?;

        suspicions::log(&namespaces);
        #[cfg(feature = "discover")]
        warn_of_unlisted(&description);
        if discovered {
            tracing::info!("the event table:\n{description}");
        } else {
            tracing::debug!("the event table:\n{description}");
        }

        let states = states
            .into_iter()
            .map(|state| (state.id, state.value))
            .collect();
        let (states, errors) = (Arc::new(states), Arc::new(errors));
        let mut elsewhere = EventsElsewhere::default();
        for namespace in &namespaces {
            for route in &namespace.parts.routes {
                elsewhere.add(route.meta.event, &namespace.path);
            }
        }
        let elsewhere = Arc::new(elsewhere);
        let mut table = NamespaceTable::default();
        for namespace in namespaces {
            let context = NamespaceContext {
                states: Arc::clone(&states),
                errors: Arc::clone(&errors),
                elsewhere: Arc::clone(&elsewhere),
                pattern: namespace.pattern,
                events: OnceLock::new(),
            };
            let Namespace {
                wraps,
                concurrency: own,
                once_by: _,
                routes,
                server_side,
            } = namespace.parts;
            let middleware = server_wide.iter().cloned().chain(wraps).collect();
            let given = own.or(concurrency).map(|given| given.events);
            let limit = given.and_then(Concurrency::new).unwrap_or(Concurrency::ONE);
            let events = NamespaceEvents::new(&middleware, limit, routes, server_side, context);
            table.insert(namespace.path, events);
        }
        Ok(Arc::new(EventTable::new(table, layers)))
    }
}

/// A handler that is in no list was most likely forgotten: its events would be answered `no_handler`.
#[cfg(feature = "discover")]
fn warn_of_unlisted(table: &Table) {
    for meta in unlisted(table) {
        tracing::warn!(
            "nothing lists the handler {meta} of `{}`: it takes no events",
            meta.event
        );
    }
}

/// The `#[on]` functions of the program that are not in the table.
#[cfg(feature = "discover")]
pub(crate) fn unlisted(table: &Table) -> Vec<Meta> {
    discover::all()
        .into_iter()
        .map(|route| route.meta)
        .filter(|meta| !table.rows().iter().any(|row| row.meta() == *meta))
        .collect()
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("root", &self.root)
            .field("namespaces", &self.namespaces)
            .finish_non_exhaustive()
    }
}
