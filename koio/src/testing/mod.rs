//! Tests of programs that use koio: a server and its clients in memory, and contexts for calling a handler by itself.
//!
//! - [`TestServer`] serves the same [`Io`](crate::Io) as `main`, without a network. [`TestClient`]s connect to it, emit, ask,
//!   and expect. Time stands still, so that "nothing came" is exact and a heartbeat costs nothing.
//! - [`context()`] makes a [`Context`](crate::Context) for a handler or a [middleware](next) that is called as the function
//!   that it is. What it emits can be looked at.

mod asked;
mod client;
mod clock;
mod connect;
mod connection;
mod context;
mod decoder;
mod emission;
mod expect;
mod head;
mod host;
mod inbox;
mod line;
mod polling;
mod received;
mod sent;
mod server;
mod stage;
mod websocket;

pub use asked::Asked;
pub use client::TestClient;
pub use connect::Connect;
pub use context::{ContextBuilder, TestContext, context, next};
pub use emission::Emission;
pub use expect::Expectation;
pub use line::Disconnected;
pub use received::ReceivedEvent;
pub use sent::Sent;
pub use server::TestServer;
