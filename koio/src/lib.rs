//! koio: an embeddable event router that speaks Socket.IO and feels like koa.

pub mod wire;

#[doc(hidden)]
pub mod __private {
    pub use crate::wire::ArgList;
}
