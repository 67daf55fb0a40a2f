//! A private HTTP/1.1 server for what polling clients and WebSocket handshakes send: the fast path of requests.
//!
//! A client over polling makes two requests for each message, both with a short head and a short body; hyper's work would
//! be most of their cost. [`Http1Connection::try_serve`] serves the *plain* ones ([`PlainRequest`]): complete when they
//! arrive, readable in one way only, and certain to succeed. Any other request goes to hyper with its connection, unread,
//! and hyper keeps the connection. So refusals, preflights, other paths and slow bodies have one implementation, which is
//! also the slow twin of this one: hyper and [`EngineService`](super::EngineService). It serves polling under axum, too.
//!
//! Instructions with and without it (`koio/benches/instructions`): see `koio/docs/performance.md`.
//!
//! [`PlainRequest`]: plain_request::PlainRequest

mod connection;
#[cfg(test)]
mod fuzz_tests;
mod idle_timer;
mod plain_request;
mod polling_client;
mod repeated_head;
mod response_writer;
mod session_requests;
mod upgrade;

pub(crate) use self::{
    connection::{Http1Connection, Http1Outcome},
    polling_client::StopSignal,
};
