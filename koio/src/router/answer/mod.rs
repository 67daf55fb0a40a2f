//! What a handler answers, and who sends it.

pub(crate) mod ack;
pub(crate) mod reply;

pub use ack::Ack;
pub use reply::{Answer, Reply};
