//! Looks at koio from outside: clients that speak the wire byte by byte, servers that are built
//! through the public API alone, and deadlines on everything that is waited for.
//!
//! The tests themselves are in `blackbox/` (Rust) and `node/` (the official client). Nothing here
//! shares code with koio's own codec, so that a mistake can't hide on both sides.

pub mod bare;
pub mod canary;
pub mod certificate;
pub mod client;
pub mod engine;
pub mod events;
pub mod frames;
pub mod http;
pub mod polling;
pub mod server;
pub mod slow_line;
pub mod target;
pub mod tunnel;
pub mod websocket;
pub mod within;

pub use bare::Bare;
pub use canary::Canaries;
pub use certificate::Certificate;
pub use client::{Client, Transport};
pub use engine::EngineServer;
pub use events::{Event, Events};
pub use frames::{Frame, RawWebSocket, ServerFrame};
pub use http::{Http, Response};
pub use polling::Polling;
pub use server::{Running, run, serve};
pub use slow_line::{Line, SlowLine};
pub use target::Target;
pub use tunnel::Tunnel;
pub use websocket::{Received, WebSocket};
pub use within::{PATIENCE, until, until_async, within};

/// The Rust of the guides compiles as it is printed.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../koio/docs/guide.md")]
    mod guide {}
    #[doc = include_str!("../../koio/docs/from-koa-socket.md")]
    mod from_koa_socket {}
    #[doc = include_str!("../../koio/docs/from-socket-io.md")]
    mod from_socket_io {}
    #[doc = include_str!("../../koio/docs/from-socketioxide.md")]
    mod from_socketioxide {}
}
