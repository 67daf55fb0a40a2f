//! Tests of programs that use koio: a server and its clients in memory.
//!
//! [`TestServer`] serves the same [`Io`](crate::Io) as `main`, without a network. [`TestClient`]s connect to it, emit, ask,
//! and expect. Time stands still, so that "nothing came" is exact and a heartbeat costs nothing.

mod asked;
mod client;
mod clock;
mod connect;
mod connection;
mod decoder;
mod expect;
mod head;
mod host;
mod inbox;
mod line;
mod polling;
mod received;
mod sent;
mod server;
mod websocket;

pub use asked::Asked;
pub use client::TestClient;
pub use connect::Connect;
pub use expect::Expectation;
pub use line::Disconnected;
pub use received::ReceivedEvent;
pub use sent::Sent;
pub use server::TestServer;
