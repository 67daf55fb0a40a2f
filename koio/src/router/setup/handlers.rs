//! Lists of handlers, and what may be put into one.

use crate::router::pipeline::Route;

/// The struct that `#[on]` puts beside a function: it makes the function's route.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "write `#[on(\"event\")]` above the function",
    note = "a value whose methods are handlers stands in parentheses: `handlers![send_msg, (Chat)]`"
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
    #[allow(
        clippy::should_implement_trait,
        reason = "it extends the list, as `push` does"
    )]
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

/// Lists handlers, for [`Io::handlers`](crate::Io::handlers) and [`Namespace::handlers`](crate::Namespace::handlers).
///
/// An entry is the path of an [`#[on]`](macro@crate::on) function, or a value: another list, or one whose methods
/// are handlers. Lists nest, and a module can keep its handlers private and return a list:
///
/// ```
/// use koio::{Handlers, handlers, on};
///
/// mod chat {
///     use koio::{Handlers, handlers, on};
///
///     #[on("typing")]
///     async fn typing() {}
///
///     pub fn all() -> Handlers {
///         handlers![typing]
///     }
/// }
///
/// #[on("sendMsg")]
/// async fn send_msg() {}
///
/// let listed: Handlers = handlers![send_msg, chat::all()];
/// # let _ = listed;
/// ```
///
/// A bare name is always a handler's. A value in a variable stands in parentheses: `(list)`. Entries may have a
/// `#[cfg(..)]`. The same handler twice in one list does not compile.
#[macro_export]
macro_rules! handlers {
    ($($entries:tt)*) => {
        $crate::__private::handlers!(crate = $crate; $($entries)*)
    };
}
