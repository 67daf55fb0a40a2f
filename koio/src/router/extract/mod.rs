//! How the arguments of a handler are made of an event.

pub(crate) mod arguments;
mod given;
pub(crate) mod params;
pub(crate) mod requirements;

pub use arguments::{Arguments, FromEvent};
pub use given::{Args, Auth, State, Try};
pub use params::Params;
pub use requirements::Requirements;
