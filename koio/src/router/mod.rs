//! From an event to a handler and back: context, onion, arguments, answers, and the frozen event table.
//!
//! In the order in which an event meets them:
//!
//! 1. `routes` finds the line of the event: what is around its handlers, and the handlers.
//! 2. [`layer`](Pipeline) has the tower layers around everything, [`onion`](Next) the middleware inside them.
//! 3. [`arguments`](Arguments) decodes what the client sent into exactly the types that the handler takes.
//! 4. [`reply`](Reply) carries the answer back out through the onion.
//! 5. `dispatch` acknowledges, or tells the observers what went wrong.
//!
//! Everything is put together in `Setup`, checked once at the start, and shared by all sockets after that.

mod ack;
mod arguments;
mod check;
mod context;
mod dispatch;
mod extract;
mod guard;
mod handlers;
mod handling;
mod layer;
mod namespace;
mod onion;
mod params;
mod pattern;
pub mod private;
#[cfg(feature = "discover")]
mod registry;
mod reply;
mod requirements;
mod route;
mod routes;
mod setup;
mod table;
#[cfg(test)]
mod tests;
mod types;

pub use ack::Ack;
pub use arguments::{Arguments, FromEvent};
pub use context::Context;
pub use extract::{Args, Auth, State, Try};
pub use guard::Panic;
pub use handlers::{Handlers, IntoRoutes};
pub use layer::Pipeline;
pub use namespace::Namespace;
pub use onion::{BoxMiddleware, Middleware, Next, Running, compose};
pub use params::Params;
pub use reply::{Answer, Reply};
pub use requirements::Requirements;
pub use route::Route;
pub(crate) use routes::Routes;
pub(crate) use setup::Setup;
pub use table::{Row, Table};
