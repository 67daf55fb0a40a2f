//! HTTP requests as `hyper` and `tower` hand them over: what a request asks for, which pages may ask, and the
//! prescribed responses.

mod allow_request;
mod answer_body;
mod body;
mod client_files;
mod coding;
mod compression;
mod connection;
pub(super) mod forwarded;
mod handshake_rate;
mod host;
mod last_session;
mod open_session;
mod opening_request;
pub(super) mod origin;
mod proxies;
pub(super) mod refusal;
pub(super) mod request;
mod request_rules;
mod responding;
pub(super) mod response;
mod service;
mod session_cookie;
mod stream;
mod stream_requests;
mod timeouts;
mod websocket_upgrade;

pub(crate) use allow_request::AllowRequest;
pub use body::Body;
pub use client_files::ClientFiles;
pub(crate) use coding::ContentCoding;
pub(crate) use compression::AnswerCoding;
pub use compression::HttpCompression;
pub(crate) use connection::{HttpConnection, MAX_HEAD, ServedRequest};
pub(crate) use handshake_rate::HandshakeRate;
pub use opening_request::{OpeningRequest, Rejection};
pub use origin::{BadOrigin, Origins};
pub use proxies::{BadProxy, TrustedProxies};
pub(crate) use request_rules::RequestRules;
pub use responding::Responding;
pub use service::EngineService;
pub use session_cookie::{BadCookie, SessionCookie};
pub(crate) use stream::HttpStream;
pub(crate) use timeouts::{AwaitedRequest, HttpTimeouts, MissedRequest};
