//! Socket.IO: what the packets of a session mean.
//!
//! A `Client` is one connection; it has a [`Socket`] for each namespace that it is connected
//! to. What arrives goes up through `Dispatch`; what is sent goes down through [`Emit`].

mod ack;
mod client;
mod config;
mod connection;
mod dispatch;
mod driver;
mod emit;
mod event_queue;
mod handshake;
mod io_handle;
#[allow(clippy::module_inception, reason = "the file of `Socket`")]
mod socket;

pub use ack::{AckFuture, AcksFuture};
pub(crate) use client::Clients;
pub use config::SocketConfig;
pub(crate) use dispatch::{Accept, BoxFuture, Dispatch, Namespaces};
pub use emit::Emit;
pub use handshake::Handshake;
pub(crate) use io_handle::ServerCore;
pub use io_handle::{Drained, IoHandle};
pub use socket::Socket;
