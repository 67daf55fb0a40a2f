//! How the arguments of a handler are made from an event.

pub(crate) mod args;
mod auth;
pub(crate) mod call;
pub(crate) mod from_event;
mod params;
mod params_shape;
pub(crate) mod requirements;
mod state;

pub use args::Args;
pub use auth::Auth;
pub use from_event::{FromEvent, Try};
pub use params::Params;
pub use requirements::Requirements;
pub use state::State;
