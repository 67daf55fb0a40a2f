//! What is promised about delivery, each promise a test.
//!
//! Most of it runs in memory, where a pipe holds exactly as many bytes as the test says and time stands still
//! until nothing else is left to do: a client that does not read, or a deadline of ten seconds, is then a
//! matter of microseconds and of no chance.

mod acks;
mod acks_of_many;
mod endings;
mod handlers;
mod hosts;
pub(crate) mod log;
pub(crate) mod memory;
mod once;
mod order;
mod prefix;
pub(crate) mod record;
mod rooms;
mod shutdown;
#[cfg(unix)]
mod signals;
mod slow;
mod state;
mod volatile;
