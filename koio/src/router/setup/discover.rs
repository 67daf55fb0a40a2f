//! The link-time list of every `#[on]` function of the program.

use crate::router::pipeline::Route;

/// One `#[on]` function, as its attribute put it into the list.
#[derive(Debug)]
pub struct Registered {
    route: fn() -> Route,
}

impl Registered {
    /// `const`, since the list is a chain of statics.
    #[must_use]
    pub const fn new(route: fn() -> Route) -> Self {
        Self { route }
    }
}

inventory::collect!(Registered);

/// All of them, in the order of their source lines: the linker's order may change with every build.
pub(crate) fn all() -> Vec<Route> {
    let mut routes: Vec<Route> = inventory::iter::<Registered>
        .into_iter()
        .map(|entry| (entry.route)())
        .collect();
    routes.sort_by_key(|route| (route.meta().file, route.meta().line, route.meta().name));
    routes
}
