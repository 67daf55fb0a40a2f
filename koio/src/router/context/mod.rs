//! The context of an event, and what it shares with others.

#[allow(
    clippy::module_inception,
    reason = "the file is where a reader looks for `Context`"
)]
mod context;
pub(crate) mod type_map;

pub use context::Context;
pub(crate) use context::Occasion;
