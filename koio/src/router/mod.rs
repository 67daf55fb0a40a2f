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

pub(crate) mod answer;
mod catch_unwind;
pub(crate) mod context;
pub(crate) mod extract;
pub(crate) mod pipeline;
pub mod private;
pub(crate) mod setup;
#[cfg(test)]
mod tests;

pub use answer::{Ack, Answer, Reply};
pub use catch_unwind::Panic;
pub use context::Context;
pub use extract::{Args, Arguments, Auth, FromEvent, Params, Requirements, State, Try};
pub(crate) use pipeline::EventTable;
pub use pipeline::{BoxMiddleware, Middleware, Next, Pipeline, Route, Running, compose};
pub(crate) use setup::Setup;
pub use setup::{Handlers, IntoRoutes, Namespace, Row, Table};
