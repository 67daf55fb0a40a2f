//! How an event reaches its handlers: tower layers, middleware, and the frozen event table.

mod dispatch;
pub(crate) mod endpoints;
pub(crate) mod event_table;
pub(crate) mod handler;
pub(crate) mod layer;
pub(crate) mod middleware;
mod rewrite;
mod run;
mod server_dispatch;
mod server_route;

pub(crate) use event_table::EventTable;
pub use handler::Route;
pub use layer::{Pipeline, PipelineFuture};
pub use middleware::{BoxMiddleware, Middleware, Next, Running, compose};
pub(crate) use run::EventRun;
pub(crate) use server_route::ServerRoute;
