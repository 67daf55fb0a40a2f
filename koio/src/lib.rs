//! koio is an event router that speaks real Socket.IO and feels like koa.
//!
//! Any official Socket.IO client connects to it unmodified. Server code reads like koa: one context for each
//! incoming event, one onion of middleware around it, handlers declared with `#[on("sendMsg")]`, and answers
//! sent with `io.broadcast(..)` and `to(socket_id)`.
//!
//! ```no_run
//! use koio::{handlers, on, Context, Io, Next, Reply, Result};
//! use serde::{Deserialize, Serialize};
//! use std::time::Instant;
//!
//! #[derive(Deserialize)]
//! struct SendMsg { text: String }
//!
//! #[derive(Serialize)]
//! struct Receipt { delivered: bool }
//!
//! #[on("sendMsg")]
//! async fn send_msg(ctx: Context, msg: SendMsg) -> Result<Receipt> {
//!     ctx.io().broadcast("message", &msg.text)?;
//!     Ok(Receipt { delivered: true })              // the return value is the ack
//! }
//!
//! async fn timing(ctx: Context, next: Next) -> Result<Reply> {
//!     let started = Instant::now();
//!     let reply = next.run().await;                // koa: await next()
//!     println!("{} took {:?}", ctx.event(), started.elapsed());
//!     reply
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     Io::new().wrap(timing).handlers(handlers![send_msg]).listen("127.0.0.1:3000").await
//! }
//! ```
//!
//! # The tour
//!
//! - **[`Io`]** is the server while it is being put together: [`state`](Io::state), [`wrap`](Io::wrap),
//!   [`handlers`](Io::handlers), [`namespace`](Io::namespace), limits. It ends in [`listen`](Io::listen),
//!   [`bind`](Io::bind), or, inside another server, [`into_layer`](Io::into_layer) (axum) and
//!   [`into_service`](Io::into_service). Whatever contradicts itself is said then, with file and line.
//! - **[`#[on]`](macro@on)** makes a function a handler and leaves it a function. [`handlers!`] lists them;
//!   `Io::discover()` finds them by itself.
//! - **Arguments** are read by position, from the types that the handler takes: anything that implements
//!   `Deserialize`, and [`Context`], [`Socket`], [`State`], [`Auth`], [`Handshake`], [`CloseReason`], [`Ack`],
//!   [`Args`], [`Try`]. A type of your own joins them with [`FromEvent`].
//! - **The return value is the ack.** `()` is no argument, anything else is one, [`args!`] are several; a
//!   [`Result`] is its value, or its [`Error`] as `{"error": {"code", "message", "data"?}}`.
//! - **[`Context`]** is what a handler and its middleware know of the event, and **[`Next`]** is the rest of
//!   the onion. The handler runs inside: middleware can time it, catch its error, change its [`Reply`].
//! - **[`IoHandle`]** (`ctx.io()`, [`Io::handle`]) reaches everybody: [`broadcast`](IoHandle::broadcast),
//!   [`to`](IoHandle::to) a room or a socket, [`of`](IoHandle::of) another namespace,
//!   [`shutdown`](IoHandle::shutdown). **[`Socket`]** is one client: [`emit`](Socket::emit),
//!   [`emit_with_ack`](Socket::emit_with_ack), [`join`](Socket::join), [`disconnect`](Socket::disconnect).
//! - **[`Bytes`]** and whatever else asks serde for bytes travel as binary, at any depth.
//!
//! # What is promised
//!
//! 1. Order: messages of one connection arrive in the order in which they were sent, text and binary, across
//!    the upgrade from polling to WebSocket. Events of one socket are handled one at a time in that order.
//! 2. No gap inside a live session: what a client sees is a prefix of what was accepted for it. If something
//!    that is not volatile can't be delivered, the session ends, with a [`CloseReason`].
//! 3. An emit to one socket says accepted, [full](Error::is_full) or [closed](Error::is_closed). An emit to
//!    many fails only for the caller's fault. What is dropped is counted ([`IoHandle::counts`]).
//! 4. A wait for an ack ends exactly once: with the answer, at its deadline, or when the socket closes.
//! 5. If the connection handler ran, the disconnect handler runs, once and last.
//!
//! Delivery is at most once in both directions, as in Socket.IO without recovery: what was sent while a client
//! was away is not kept.
//!
//! Every queue is bounded, and every limit has a default in [`Config`]. A client that breaks the protocol or a
//! limit loses its own session and nobody else's.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `discover` | yes | `Io::discover()`, and the warning about handlers that nothing lists; needs link-time collection |
//!
//! [`engine`], [`transport`] and [`wire`] are public for raw Engine.IO servers and for tests, and outside the
//! stability promise.

#[macro_use]
mod error;
mod adapter;
pub mod engine;
mod ids;
mod observe;
mod router;
mod server;
mod socket;
pub mod transport;
pub mod wire;

pub use engine::CloseReason;
pub use error::{BoxError, Error, Result};
pub use ids::{NotASocketId, Room, Sid, SocketId};
pub use koio_macros::on;
pub use observe::Counts;
#[doc(hidden)]
pub use router::private as __private;
pub use router::{
    Ack, Answer, Args, Arguments, Auth, Context, FromEvent, Handlers, IntoRoutes, Middleware,
    Namespace, Next, Panic, Pipeline, Reply, Requirements, Route, Row, Running, State, Table, Try,
    compose,
};
pub use server::{Config, Io, KoioLayer, KoioService, NotFound, ResponseFuture, Server, serve};
pub use socket::{AckFuture, AcksFuture, Drained, Emit, Handshake, IoHandle, Socket, SocketConfig};
pub use wire::Bytes;

/// The README's program compiles as it is printed.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
