//! Everything that a server is made of before it starts.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    error::Error as StdError,
    fmt,
    future::Future,
    panic::Location,
    sync::Arc,
};

use tower::{Layer, Service};

use crate::router::{
    Answer, BoxMiddleware, Context, EventTable, IntoRoutes, Namespace, Next, Pipeline, Reply,
    Route, Table,
    pipeline::event_table::{ErrorMap, Handler, Line, Lines, Observer, Shared},
    pipeline::layer::Wrapping,
    setup::check::{self, Problems},
    setup::pattern::Pattern,
};
use crate::{Error, Result, error::BoxError};

/// The namespace of clients that name none. It always exists.
pub(crate) const ROOT: &str = "/";

/// State, middleware, handlers and namespaces: the half of [`Io`](crate::Io) that is about events.
///
/// The methods are documented there.
#[derive(Default)]
#[must_use = "a setup does nothing until a server is made of it"]
pub(crate) struct Setup {
    pub(crate) states: Vec<StateValue>,
    pub(crate) root: Namespace,
    pub(crate) namespaces: Vec<(String, Namespace)>,
    layers: Vec<Wrapping>,
    observers: Vec<Observer>,
    maps: Vec<ErrorMap>,
    /// All `#[on]` functions of the program were taken: the table is worth a line in the log.
    discovered: bool,
}

/// A value given to `state`, and where.
pub(crate) struct StateValue {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
    pub(crate) given: &'static Location<'static>,
    value: Arc<dyn Any + Send + Sync>,
}

impl Setup {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes every `#[on]` function of the program. Methods of `#[on] impl` blocks need a value, and so are to
    /// be listed still.
    #[cfg(feature = "discover")]
    pub(crate) fn discover() -> Self {
        let mut setup = Self::default();
        setup.root.routes = crate::router::setup::discover::all();
        setup.discovered = true;
        setup
    }

    /// Shares a value with all handlers, which take it as [`State<T>`](crate::State). One for each type.
    #[track_caller]
    pub(crate) fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.push(StateValue {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
            given: Location::caller(),
            value: Arc::new(value),
        });
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
        self.layers.push(Pipeline::wrapping(layer));
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

    /// Adds a namespace. Its middleware is inside the server's.
    pub(crate) fn namespace(mut self, path: impl Into<String>, namespace: Namespace) -> Self {
        self.namespaces.push((path.into(), namespace));
        self
    }

    /// Tells a function of every error that leaves an onion. Without one, errors are logged.
    pub(crate) fn on_error(
        mut self,
        observer: impl Fn(&Error, &Context) + Send + Sync + 'static,
    ) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Gives an error of your own its code: instead of `internal`, the client gets what `map` makes of it.
    pub(crate) fn map_error<E>(mut self, map: impl Fn(&E) -> Error + Send + Sync + 'static) -> Self
    where
        E: StdError + 'static,
    {
        self.maps
            .push(Box::new(move |error| error.downcast_ref().map(&map)));
        self
    }

    /// All that the server will react to.
    #[must_use]
    pub(crate) fn describe(&self) -> Table {
        Table::of(self)
    }

    /// Checks everything and freezes it. Some tower layers start a task, so this is to be called in a runtime.
    pub(crate) fn freeze(self) -> Result<Arc<EventTable>> {
        let table = self.describe();
        let Self {
            states,
            mut root,
            namespaces,
            layers,
            observers,
            maps,
            discovered,
        } = self;

        let mut problems = Problems::default();
        let wraps: Arc<[BoxMiddleware]> = std::mem::take(&mut root.wraps).into();
        let plan = check::plan(root, namespaces, &mut problems);
        let paths = plan.iter().map(|(path, _)| path.as_str());
        let patterns = check::patterns(paths, &mut problems);
        check::states(&states, &mut problems);
        for ((path, namespace), pattern) in plan.iter().zip(&patterns) {
            let has_parameters = pattern.is_some();
            check::handlers(
                path,
                has_parameters,
                &namespace.routes,
                &states,
                &mut problems,
            );
        }
        problems.into_result()?;

        #[cfg(feature = "discover")]
        warn_of_unlisted(&table);
        if discovered {
            tracing::info!("the event table:\n{table}");
        } else {
            tracing::debug!("the event table:\n{table}");
        }

        let states = states
            .into_iter()
            .map(|state| (state.id, state.value))
            .collect();
        // From the innermost to the outermost, which came first.
        let pipeline = (!layers.is_empty()).then(|| {
            layers
                .into_iter()
                .rev()
                .fold(Pipeline::onion(), |inner, wrapping| wrapping(inner))
        });
        let shared = Arc::new(Shared {
            pipeline,
            states,
            observers,
            maps,
        });
        let mut routes = EventTable::default();
        for ((path, namespace), pattern) in plan.into_iter().zip(patterns) {
            let lines = Arc::new(lines(&wraps, namespace, pattern.as_ref(), &shared));
            match pattern {
                Some(pattern) => routes.patterns.push((pattern, lines)),
                None => drop(routes.namespaces.insert(path.into(), lines)),
            }
        }
        Ok(Arc::new(routes))
    }
}

/// Sorts the handlers of one namespace by event.
fn lines(
    outer: &[BoxMiddleware],
    namespace: Namespace,
    pattern: Option<&Arc<Pattern>>,
    shared: &Arc<Shared>,
) -> Lines {
    let around: Arc<[BoxMiddleware]> = outer.iter().cloned().chain(namespace.wraps).collect();
    let mut by_event: HashMap<&'static str, Vec<Route>> = HashMap::new();
    for route in namespace.routes {
        by_event.entry(route.meta.event).or_default().push(route);
    }
    let line = |mut routes: Vec<Route>| {
        // Stable: the one that answers comes first, the others stay in the order of the list.
        routes.sort_by_key(|route| route.also);
        let handlers = routes
            .into_iter()
            .map(|route| Handler {
                run: route.run,
                wraps: route.wraps.into(),
            })
            .collect::<Box<[_]>>();
        let bare = matches!(&*handlers, [only] if only.wraps.is_empty());
        Arc::new(Line {
            direct: bare && around.is_empty() && shared.pipeline.is_none(),
            around: Arc::clone(&around),
            handlers,
            pattern: pattern.cloned(),
            shared: Arc::clone(shared),
        })
    };
    let connection = line(by_event.remove("connection").unwrap_or_default());
    let disconnect = line(by_event.remove("disconnect").unwrap_or_default());
    let rest = line(by_event.remove("*").unwrap_or_default());
    let events = by_event
        .into_iter()
        .map(|(event, routes)| (event.as_bytes(), line(routes)))
        .collect();
    Lines {
        events,
        rest,
        connection,
        disconnect,
    }
}

/// A handler that nobody listed is most likely forgotten: its events would be answered `no_handler`.
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
pub(crate) fn unlisted(table: &Table) -> Vec<crate::router::pipeline::handler::Meta> {
    crate::router::setup::discover::all()
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
