//! Long-polling, WebSocket and EventSource: the transports of a session, and the HTTP requests that begin them.

mod any_stream;
mod event_source;
mod http;
mod http1;
mod lazy_timer;
pub(crate) mod polling;
mod read_buffer;
mod stalled_write;
mod tcp;
mod websocket;

pub(crate) use self::http::{
    AllowRequest, AnswerCoding, ContentCoding, EventSourceRoute, Followed, RequestRules,
};
pub use self::http::{
    BadCookie, BadOrigin, BadProxy, Body, ClientFiles, Cors, EngineService, HttpCompression,
    OpeningRequest, Origins, Rejection, Responding, SessionCookie, TrustedProxies,
};
#[cfg(test)]
pub(crate) use self::websocket::close_code;
pub(crate) use self::{
    any_stream::AnyStream,
    http::{HandshakeRate, HttpConnection, HttpStream, HttpTimeouts, MAX_HEAD, ServedRequest},
    http1::{Http1Connection, Http1Outcome, StopSignal},
    tcp::Tcp,
};
