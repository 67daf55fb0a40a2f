//! The one task of a session: it feeds the [`Machine`](super::machine::Machine), does what the machine says, and writes.
//!
//! A turn reads what there is (up to a budget), lets the layer above work, and writes everything at the end, so that the
//! answers to a burst of messages leave together. At an upgrade the same task takes over the new transport: no order has
//! to be handed from one task to another.

mod ending;
mod read;
mod session_task;
#[cfg(test)]
mod tests;
mod turn;
mod upgrade;
mod upgrade_end;
mod write;

pub(crate) use session_task::{SessionTask, send_handshake};
pub(crate) use turn::wake_after_others;
