//! The context of an event, and what all contexts of a namespace share.

#[allow(
    clippy::module_inception,
    reason = "the file is where a reader looks for `Context`"
)]
mod context;
mod elsewhere;
mod errors;
mod locals;
mod once;

pub use context::Context;
pub(crate) use context::{ErrorHooks, InsideLayers, NamespaceContext, Occasion};
pub(crate) use elsewhere::EventsElsewhere;
