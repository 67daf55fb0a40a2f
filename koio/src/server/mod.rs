//! Putting a server together, and letting it listen, alone or inside another server.

mod attached;
mod by_hyper;
mod config;
mod io;
mod listen;
mod no_delay;
mod service;
mod signal;
mod start;

pub use crate::socket::Drained;
#[cfg(feature = "testing")]
pub(crate) use attached::{AttachedService, boxed};
pub use config::Config;
pub use io::Io;
pub use listen::{Server, serve};
pub use service::{KoioBody, KoioLayer, KoioService, NotFound, ResponseFuture};
pub use signal::shutdown_signal;
