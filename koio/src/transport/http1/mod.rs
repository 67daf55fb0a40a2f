//! A private HTTP/1.1 server for polling requests and WebSocket handshakes: the fast path of requests.
//!
//! A client over polling makes two requests for each message, both with a short head and a short body: without hyper a
//! message took 24,612 instructions in place of 38,640 (`koio/docs/performance.md`, `transport/http1`).
//! [`Http1Connection::try_serve`] serves the *plain* requests ([`PlainRequest`]): complete when they arrive, readable in one
//! way only, and certain to succeed. Any other request goes to hyper with its connection, unread, and hyper keeps the
//! connection. So refusals, preflights, other paths and slow bodies have one implementation, which is also the slow twin of
//! this one: hyper and [`EngineService`](super::EngineService). It serves polling under axum, too.
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
