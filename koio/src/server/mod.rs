//! The front door: putting a server together, and letting it listen, alone or inside another server.

mod config;
mod io;
mod listen;
mod no_delay;
mod service;
mod signal;

pub use config::Config;
pub use io::Io;
pub use listen::{Server, serve};
pub use service::{KoioLayer, KoioService, NotFound, ResponseFuture};
pub use signal::shutdown_signal;
