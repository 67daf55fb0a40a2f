//! The way of an event to its handlers: layers, middleware, and the frozen event table.

mod dispatch;
pub(crate) mod event_table;
pub(crate) mod handler;
pub(crate) mod layer;
pub(crate) mod middleware;
pub(crate) mod run;

pub(crate) use event_table::EventTable;
pub use handler::Route;
pub use layer::Pipeline;
pub use middleware::{BoxMiddleware, Middleware, Next, Running, compose};
