//! HTTP requests as `hyper` and `tower` hand them over: what a request asks for, which pages may ask, and the
//! prescribed responses.

mod answer_body;
mod body;
mod connection;
mod handshake_rate;
mod host;
mod last_session;
pub(super) mod origin;
pub(super) mod refusal;
pub(super) mod request;
mod responding;
pub(super) mod response;
mod service;
mod stream;

pub use body::Body;
pub(crate) use connection::{HttpConnection, HttpTimeouts, MAX_HEAD, ServedRequest};
pub(crate) use handshake_rate::HandshakeRate;
pub use origin::{BadOrigin, Origins};
pub use responding::Responding;
pub use service::EngineService;
pub(crate) use stream::HttpStream;
