//! The names of things on the wire: sessions, sockets, rooms, and patterns of namespaces.
//!
//! Three kinds of identity, three types. A [`Sid`] names an Engine.IO session and is a bearer secret:
//! knowing it is enough to read and write that session. A [`SocketId`] names one Socket.IO socket and is
//! public. A [`Room`] is a name that your own code chose.
//! With recovery a socket also has a `Pid`, the secret with which its client returns to it.

mod epoch;
mod into_rooms;
mod pattern;
mod pid;
mod random;
mod room;
mod sid;
mod socket_id;

pub(crate) use epoch::{EPOCH_CHARS, Epoch};
pub use into_rooms::IntoRooms;
pub(crate) use pattern::Pattern;
pub(crate) use pid::Pid;
pub(crate) use random::NoRandomness;
pub use room::Room;
pub use sid::Sid;
pub use socket_id::{NotASocketId, SocketId};
