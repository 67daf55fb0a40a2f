//! The end of a server: what is delivered first, what is cut, what a signal does, and when its state is dropped.

mod answers;
mod delivery;
mod drain;
pub(crate) mod requests;
#[cfg(unix)]
mod signals;
mod state;
