//! koio: an embeddable event router that speaks Socket.IO and feels like koa.

#[macro_use]
mod error;
pub mod ids;
mod router;
mod socket;
mod wire;

pub use error::{BoxError, Error, Result};
pub use ids::{Room, SocketId};
#[doc(hidden)]
pub use router::private as __private;
pub use router::{
    Ack, Answer, Args, Arguments, Auth, Context, FromEvent, Handlers, IntoRoutes, Middleware,
    Namespace, Next, Panic, Pipeline, Reply, Requirements, Route, Row, Running, Setup, State,
    Table, Try, compose,
};
pub use socket::{CloseReason, Emit, Handshake, IoHandle, Socket};
