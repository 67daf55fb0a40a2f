//! The answer of a handler, and how it is sent.

mod ack;
#[allow(
    clippy::module_inception,
    reason = "the file is where a reader looks for `Answer`"
)]
pub(crate) mod answer;
mod reply;
mod send;
pub(crate) mod state;

pub use ack::Ack;
pub use answer::Answer;
pub use reply::Reply;
