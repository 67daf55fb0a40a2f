//! Putting a server together, and letting it listen, alone or inside another server.

mod accept;
mod allow_request;
mod attached;
mod by_hyper;
mod client_files;
#[cfg(any(test, feature = "compression"))]
mod compression;
mod config;
mod event_source;
#[cfg(feature = "compression")]
mod http_compression;
mod http_layer;
mod io;
mod listen;
mod listener;
mod no_delay;
mod once_by;
mod requests;
mod revisions;
mod service;
mod signal;
mod start;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_listener;

pub use crate::socket::Drained;
pub use crate::transport::{OpeningRequest, Rejection};
#[cfg(feature = "testing")]
pub(crate) use attached::{AttachedService, boxed};
pub use config::Config;
pub use event_source::EventSourceRooms;
pub use http_layer::{HttpBody, HttpPipeline, RequestBody};
pub use io::Io;
pub use listen::{Server, serve};
pub use listener::Listener;
pub use service::{KoioBody, KoioLayer, KoioService, NotFound, ResponseFuture};
pub use signal::shutdown_signal;
#[cfg(feature = "tls")]
pub use tls::Tls;
#[cfg(feature = "tls")]
pub use tls_listener::TlsListener;
#[cfg(feature = "tls")]
#[doc(no_inline)]
pub use tokio_rustls::rustls;
