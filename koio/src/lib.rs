//! koio: an embeddable event router that speaks Socket.IO and feels like koa.

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

pub use koio_macros::{handlers, on};
pub use observe::Counts;
#[doc(hidden)]
pub use router::private as __private;
pub use router::{
    Ack, Answer, Args, Arguments, Auth, Context, FromEvent, Handlers, IntoRoutes, Middleware,
    Namespace, Next, Panic, Pipeline, Reply, Requirements, Route, Row, Running, State, Table, Try,
    compose,
};
pub use server::{Config, Io, KoioLayer, KoioService, NotFound, ResponseFuture, Server, serve};
pub use socket::{AckFuture, Drained, Emit, Handshake, IoHandle, Socket, SocketConfig};
pub use wire::Bytes;
