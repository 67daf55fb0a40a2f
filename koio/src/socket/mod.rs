//! Socket.IO: what the packets of a session mean.
//!
//! A `Client` is one connection; it has a [`Socket`] for each namespace that it is connected
//! to. What arrives goes up through `Dispatch`; what is sent goes down through [`Emit`].

mod ack_future;
mod acks;
mod acks_future;
mod client;
mod config;
mod connection;
mod dispatch;
mod emit;
mod handle;
mod handshake;
mod io;
mod lane;
mod queue;

pub use ack_future::AckFuture;
pub use acks_future::AcksFuture;
pub(crate) use client::Clients;
pub use config::SocketConfig;
pub(crate) use dispatch::{Accept, BoxFuture, Dispatch, Namespaces};
pub use emit::Emit;
pub use handle::Socket;
pub use handshake::Handshake;
pub(crate) use io::Core;
pub use io::{Drained, IoHandle};
