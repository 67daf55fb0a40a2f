//! From an event to a handler and back: context, arguments, answers, the onion, and the frozen event table.
//!
//! In the order in which an event meets them:
//!
//! 1. `pipeline/dispatch` finds the event in the event table.
//! 2. [`Pipeline`] has the tower layers around everything, the onion ([`Next`]) the middleware inside them.
//! 3. `extract` makes the handler's arguments out of what the client sent ([`FromEvent`]).
//! 4. [`Reply`] carries the answer back out through the onion.
//! 5. `answer/send` acknowledges, `context/errors` calls the error observers.
//!
//! Everything is put together in `setup`, checked once at the start, and shared by all sockets after that.

pub(crate) mod answer;
mod catch_unwind;
pub(crate) mod context;
pub(crate) mod extract;
mod listeners;
mod once;
pub(crate) mod pipeline;
pub mod private;
pub(crate) mod setup;
#[cfg(test)]
mod tests;

pub use answer::{Ack, Answer, Reply};
pub use catch_unwind::Panic;
pub use context::Context;
pub use extract::{Args, Auth, FromEvent, Params, Requirements, State, Try};
#[cfg(test)]
pub(crate) use pipeline::EventTable;
pub use pipeline::{
    BoxMiddleware, Middleware, Next, Pipeline, PipelineFuture, Route, Running, compose,
};
pub(crate) use setup::Setup;
pub use setup::{Handlers, IntoRoutes, Namespace, Row, Table};
