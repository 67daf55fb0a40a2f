//! Lists of handlers, and what may be put into one.

use super::Route;

/// What `#[on]` makes of a function: something that knows its route.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "write `#[on(\"event\")]` above the function"
)]
pub trait Routed {
    /// The route.
    fn route(self) -> Route;
}

/// Something that handles events: a list made by `handlers![]`, or a value whose methods are handlers
/// (`#[on] impl Chat { .. }`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handlers",
    label = "neither a list of handlers nor a value whose methods are handlers",
    note = "list functions with `koio::handlers![..]`; write `#[on]` above an impl block to make its methods handlers"
)]
pub trait IntoRoutes {
    /// Its routes, in the order in which they are to be registered.
    fn into_routes(self) -> Vec<Route>;
}

/// A list of handlers, made by `handlers![]`. Lists nest.
#[derive(Debug, Default)]
#[must_use = "handlers do nothing until they are given to `.handlers(..)`"]
pub struct Handlers {
    routes: Vec<Route>,
}

impl Handlers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one function.
    #[doc(hidden)]
    pub fn one(mut self, handler: impl Routed) -> Self {
        self.routes.push(handler.route());
        self
    }

    /// Adds another list, or the methods of a value.
    pub fn add(mut self, handlers: impl IntoRoutes) -> Self {
        self.routes.extend(handlers.into_routes());
        self
    }
}

impl IntoRoutes for Handlers {
    fn into_routes(self) -> Vec<Route> {
        self.routes
    }
}

impl IntoRoutes for Vec<Route> {
    fn into_routes(self) -> Vec<Route> {
        self
    }
}

impl IntoRoutes for Route {
    fn into_routes(self) -> Vec<Route> {
        vec![self]
    }
}
