//! HTTP long-polling and WebSocket: the only rooms that know of HTTP and of tungstenite.

mod block;
mod body;
mod direct;
mod fragments;
mod http;
mod origin;
mod polling;
mod request;
mod response;
mod service;
mod stream;
mod websocket;

pub use body::Body;
pub(crate) use direct::{Direct, Stops};
pub(crate) use http::HttpStream;
pub use origin::{BadOrigin, Origins};
pub use service::{EngineService, Responding};
