//! The parts of a server before it starts, and the checks of them.

pub(crate) mod check;
pub(crate) mod check_at_run_time;
mod check_once;
pub(crate) mod describe;
#[cfg(feature = "discover")]
pub(crate) mod discover;
pub(crate) mod handlers;
pub(crate) mod namespace;
pub(crate) mod parts;
#[allow(
    clippy::module_inception,
    reason = "the file is where a reader looks for `Setup`"
)]
pub(crate) mod setup;
mod suspicions;

pub use describe::{Row, Table};
pub use handlers::{Handlers, IntoRoutes};
pub use namespace::Namespace;
pub(crate) use setup::Setup;
