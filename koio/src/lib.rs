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
//! The guide, `docs/guide.md` in this crate's folder, walks through all of it in ten minutes, with the client's side in
//! JavaScript. `docs/from-socket-io.md` and `docs/from-koa-socket.md` put each call of those libraries beside its Rust;
//! `docs/performance.md` says what koio costs. This page is the map.
//!
//! # The tour
//!
//! **Putting a server together.** [`Io`] takes [`state`](Io::state), [`wrap`](Io::wrap) for middleware,
//! [`handlers`](Io::handlers), [`namespace`](Io::namespace)s, limits. It ends in [`listen`](Io::listen),
//! [`bind`](Io::bind) or [`serve`](Io::serve), or, inside another server, in [`into_layer`](Io::into_layer) (axum) or
//! [`into_service`](Io::into_service) (hyper). These check the set-up: a contradiction is an error with file and line.
//!
//! **Handlers.** [`#[on]`](macro@on) makes a function a handler and leaves it a function. [`handlers!`] lists them,
//! [`Handlers`] is such a list, and `Io::discover()` finds them by itself. `"connection"` and `"disconnect"` are the
//! life of a connection; `"*"` takes every event that has no handler.
//!
//! **Arguments** are made by their types. A type that implements `Deserialize` reads the next argument that the client
//! sent; the others come from the event and its socket:
//!
//! | type | what it is |
//! |---|---|
//! | [`Context`] | koa's `ctx`: the event, its socket, the server |
//! | [`Socket`] | one client: [`emit`](Socket::emit), [`join`](Socket::join), [`set`](Socket::set) |
//! | [`State`] | a value given to [`Io::state`], shared by all handlers |
//! | [`Handshake`], [`Auth`] | what the client sent when it connected |
//! | [`Params`] | the parameters of a namespace such as `/room/{id}` |
//! | [`CloseReason`] | why the socket closed, in `disconnect` |
//! | [`Ack`] | the acknowledgement, for a handler that answers later |
//! | [`Args`] | all arguments, undecoded |
//! | [`Try`](extract::Try) | an argument as a `Result`: the handler sees the error if it does not fit |
//! | a type of your own | with [`FromEvent`] |
//!
//! **The return value is the ack.** `()` is no argument, anything else is one, [`args!`] are several; a [`Result`] is
//! its value, or its [`Error`] as `{"error": {"code", "message", "data"?}}`. [`bail!`] and [`ensure!`] make errors that
//! the client may see, `?` makes hidden ones, [`map_error`](Io::map_error) gives those of a library a code, and
//! [`on_error`](Io::on_error) sees each error that leaves a handler and its middleware.
//!
//! **The onion.** A middleware is an `async fn(Context, Next) -> Result<Reply>`, and [`Next`] is everything inside it,
//! the handler at the centre: time it, catch its error, change its [`Reply`]. A function that returns `impl`
//! [`Middleware`] makes one with settings, [`compose`](middleware::compose) one of several. tower layers
//! ([`layer`](Io::layer)) go around the whole [`Pipeline`](middleware::Pipeline).
//!
//! **Emitting.** [`IoHandle`] (`ctx.io()`, [`Io::handle`]) emits to all sockets: [`broadcast`](IoHandle::broadcast),
//! [`to`](IoHandle::to) a room or a socket, [`of`](IoHandle::of) another namespace. `to`, `except`, `volatile` and
//! `timeout` build an [`Emit`](emit::Emit). [`emit_with_ack`](Socket::emit_with_ack) asks one client and waits,
//! [`emit_with_acks`](emit::Emit::emit_with_acks) asks many. [`Bytes`] and all other types that ask serde for bytes
//! travel as binary, at any depth.
//!
//! **Running it.** Limits are in [`Config`](config::Config), [`Counts`](observe::Counts) counts what was dropped,
//! [`shutdown`](IoHandle::shutdown) ends the server in order, and [`describe`](Io::describe) prints the table of
//! handlers. [`cluster`](Io::cluster) makes the server one of several. The log is [`tracing`]'s: without a subscriber
//! nothing is printed but where the server listens, errors included.
//!
//! # Modules
//!
//! The root has what nearly every program names; the modules have the rest.
//!
//! | module | what is in it |
//! |---|---|
//! | [`extract`] | the types of arguments, and the traits [`FromEvent`] and [`Answer`](extract::Answer) |
//! | [`middleware`] | [`Middleware`], [`Next`], `compose`, and the pipeline that tower layers wrap |
//! | [`describe`] | lists of handlers, and the table of them |
//! | [`config`] | the limits and their defaults |
//! | [`emit`] | an emit before it is sent, and the futures of acknowledgements |
//! | [`listeners`] | what is added to one socket while it is connected |
//! | [`cluster`] | several servers as one, and the broker between them |
//! | [`recovery`] | clients that come back after a lost connection |
//! | [`observe`] | counters, and the trait of observers |
//! | [`server`] | the running server, and koio as a tower service |
//! | [`ids`] | the names of sockets and rooms, and of sessions |
//!
//! # What is promised
//!
//! 1. Order: messages of one connection arrive in the order in which they were sent, text and binary, across
//!    the upgrade from polling to WebSocket. Events of one socket are handled one at a time in that order.
//! 2. No gap inside a live session: what a client sees is a prefix of what was accepted for it. If something
//!    that is not volatile can't be delivered, the session ends, with a [`CloseReason`].
//! 3. An emit to one socket is accepted, or fails as [full](Error::is_full) or [closed](Error::is_closed). An emit to
//!    many fails only for a mistake of the caller's. What is dropped is counted ([`IoHandle::counts`]).
//! 4. A wait for an ack ends exactly once: with the answer, at its deadline, or when the socket closes.
//! 5. If the connection handler ran, the disconnect handler runs, once and last.
//!
//! Delivery is at most once in both directions, as in Socket.IO: what was sent while a client was away is not kept, unless
//! the server offers [`recovery`].
//!
//! Every queue is bounded. The limits of a client are in [`Config`](config::Config), with their defaults. A client that
//! breaks the protocol or a limit loses its own session; other sessions are not affected.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `anyhow` | no | koio's `Error` converts into `anyhow::Error` |
//! | `compression` | no | zlib, in Rust: `Io::per_message_deflate`, `Io::http_compression`; the files of [`Io::serve_client`] are compressed |
//! | `discover` | yes | `Io::discover()`, and the warning about handlers that nothing lists; needs link-time collection |
//! | `redis` | no | `cluster::Redis`, a broker that servers of Node may share |
//! | `msgpack` | no | `config::Parser::Msgpack`: clients with `socket.io-msgpack-parser` |
//! | `nats` | no | `cluster::Nats`, a broker for servers of koio's |
//! | `tls` | no | TLS on koio's own listener ([`server`]): rustls, with the cryptography that the program chooses |
//! | `tls-ring` | no | `tls`, with ring for programs that choose none |
//! | `testing` | no | `koio::testing`: a server and its clients in memory, for the tests of a program; for `[dev-dependencies]` |
//!
//! [`engine`], [`transport`] and [`wire`] are public for raw Engine.IO servers and for tests, and outside the
//! stability promise.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod error;
mod adapter;
mod close_reason;
pub mod engine;
mod fast_path;
pub mod ids;
pub mod js;
pub mod observe;
mod router;
pub mod server;
mod socket;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
pub mod transport;
pub mod wire;

#[cfg(all(fuzzing, feature = "redis"))]
#[doc(hidden)]
pub use adapter::fuzz_node_wire;
pub use close_reason::CloseReason;
pub use error::{Error, Result};
pub use ids::{Room, SocketId};
pub use koio_macros::on;
#[doc(hidden)]
pub use router::private as __private;
pub use router::{
    Ack, Args, Auth, Context, FromEvent, Handlers, Middleware, Namespace, Next, Params, Reply,
    State,
};
pub use server::{Io, Server, shutdown_signal};
pub use socket::{Handshake, IoHandle, Socket};
pub use wire::Bytes;

pub mod extract {
    //! What a handler takes and returns.
    //!
    //! A handler takes types that implement [`FromEvent`]: those below, [`Context`](crate::Context),
    //! [`Socket`](crate::Socket), [`Handshake`](crate::Handshake), [`CloseReason`](crate::CloseReason), and all that
    //! serde can read. It returns an [`Answer`]: all that serde can write, or a [`Reply`](crate::Reply).

    pub use crate::router::{Ack, Answer, Args, Auth, FromEvent, Params, Requirements, State, Try};
}

pub mod middleware {
    //! What goes around a handler: middleware, and tower layers outside it.

    pub use crate::error::BoxError;
    pub use crate::router::{
        BoxMiddleware, Middleware, Next, Panic, Pipeline, PipelineFuture, Reply, Running, compose,
    };
}

pub mod describe {
    //! Handlers as values: lists of them, and the table that [`Io::describe`](crate::Io::describe) gives.

    pub use crate::router::{Handlers, IntoRoutes, Route, Row, Table};
}

pub mod config {
    //! The limits of a server, for [`Io::config`](crate::Io::config).

    pub use crate::engine::EngineConfig;
    pub use crate::server::Config;
    pub use crate::socket::SocketConfig;
    #[cfg(feature = "compression")]
    pub use crate::transport::HttpCompression;
    pub use crate::transport::{ClientFiles, Cors, SessionCookie};
    #[cfg(any(test, feature = "compression"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "compression")))]
    pub use crate::wire::PerMessageDeflate;
    pub use crate::wire::{PacketLimits, Parser};
}

pub mod recovery {
    //! Clients that come back after a lost connection, and miss nothing: Socket.IO's connection state recovery.
    //!
    //! Off by default; [`Io::recovery`](crate::Io::recovery) turns it on, with the limits in [`Recovery`]. The official clients
    //! do their part by themselves.
    //!
    //! - A client whose connection is lost (not one that has left, nor one that the server has disconnected) is waited for. Its
    //!   `disconnect` handlers run at the loss.
    //! - What is sent meanwhile to its rooms, to its id or to its namespace is kept for it, attachments too. Not kept are volatile
    //!   events, and those that wait for an answer, which end as [disconnected](crate::Error::is_disconnected).
    //! - When it returns in time, middleware (unless it is [skipped](Recovery::skip_middleware)) and the `connection` handler run
    //!   again (behind the `disconnect` handlers of the loss, for which it waits up to half of
    //!   [`connect_timeout`](crate::config::SocketConfig::connect_timeout)), with
    //!   [`Socket::recovered`](crate::Socket::recovered) true. The socket has the id, the rooms and the
    //!   [`data`](crate::Socket::data) of before, and the client is sent what it has missed, in order and ahead of anything new:
    //!   no gap, no duplicate. If the middleware refuses it, its session waits on for the rest of its time.
    //! - If that is not possible, because the time is over, an event that it has missed is gone, or another node of a
    //!   [cluster](crate::cluster) has its session, it is connected as a new client, and `recovered` is false on both sides.
    //! - `sockets_join`, `sockets_leave` and `disconnect_sockets` mean connected sockets only: the rooms of a client that is away
    //!   stay those of its loss.
    //!
    //! Each event without an ack carries its offset as one more argument, a text that the official clients' listeners see as the
    //! last one, as with Socket.IO's own server. A server without recovery sends none.

    pub use crate::socket::{ExpiredSession, Recovery};
}

pub mod emit {
    //! An [`Emit`] before it is sent, and the futures of acknowledgements.

    pub use crate::{
        ids::IntoRooms,
        socket::{AckFuture, AcksFuture, Emit, ServerAcksFuture},
    };
}

pub mod listeners {
    //! What is added while the server runs: to one socket by [`Socket::on`](crate::Socket::on) and its siblings, to a namespace by
    //! those of [`IoHandle::on`](crate::IoHandle::on).

    pub use crate::socket::{ListenerId, OutgoingEvent};
}

pub mod cluster {
    //! Several servers as one: the broker that connects them.
    //!
    //! Servers that [join](crate::Io::cluster) the same broker are the nodes of a cluster. Emits, `fetch_sockets`,
    //! `sockets_join` and the like then mean the sockets of all nodes. A node serves its own sockets first and at once,
    //! whether or not the broker takes the message for the others. A message that a node misses, because it is too far
    //! behind or the broker is gone, is counted, logged, and otherwise lost: delivery is at most once, as between a
    //! server and its clients.
    //!
    //! `Redis` (feature `redis`) joins servers of several processes, those of Node with Socket.IO's own adapter too; `Nats`
    //! (feature `nats`) joins koio's.
    //! [`Memory`] joins servers within one process:
    //!
    //! ```
    //! # use koio::{Io, Result, cluster::Memory};
    //! # async fn run() -> Result<()> {
    //! let broker = Memory::new();
    //! let one = Io::new().cluster(broker.clone()).bind("127.0.0.1:0").await?;
    //! let two = Io::new().cluster(broker).bind("127.0.0.1:0").await?;
    //! one.handle().broadcast("news", "to the clients of both")
    //! # }
    //! ```

    #[cfg(feature = "nats")]
    #[cfg_attr(docsrs, doc(cfg(feature = "nats")))]
    pub use crate::adapter::Nats;
    pub use crate::adapter::{
        Broker, ClusterMessage as Message, Connecting, Departing, HandshakeView, Inbox, Lagging,
        MalformedMessage, Memory, NodeId, PublishError, Topic,
    };
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub use crate::adapter::{Redis, SubscriptionMode};
    pub use crate::socket::{PartialAnswer, RemoteSocket, ServerEvent};
}

/// The README's program compiles as it is printed.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
