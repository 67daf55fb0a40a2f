//! koio: an embeddable event router that speaks Socket.IO and feels like koa.

#[macro_use]
mod error;
mod adapter;
pub mod engine;
mod ids;
mod observe;
mod socket;
pub mod transport;
pub mod wire;

pub use engine::CloseReason;
pub use error::{Error, Result};
pub use ids::{NotASocketId, Room, Sid, SocketId};
pub use observe::Counts;
pub use socket::{AckFuture, Drained, Emit, Handshake, IoHandle, Socket, SocketConfig};
pub use wire::Bytes;

#[doc(hidden)]
pub mod __private {
    pub use crate::wire::ArgList;
}
