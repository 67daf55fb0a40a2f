//! Rooms and delivery: whom an emit means.
//!
//! One node keeps its rooms in memory ([`Rooms`]). There is no adapter trait yet: the second implementation,
//! the one that speaks to other nodes, will bring it.

mod rooms;
mod selection;
mod target;

pub(crate) use rooms::{NotJoined, Recipient, Rooms};
pub(crate) use selection::Selection;
pub(crate) use target::Target;
