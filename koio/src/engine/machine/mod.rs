//! The rules of one Engine.IO session, as data: `(state, input, now) -> outputs`.
//!
//! No clock, no task, no bytes: time is an argument, so every race of the heartbeat and of the upgrade can be
//! played in a test. [`Machine::deadline`] says when the next [`Input::Tick`] is due.

mod closing;
mod headway;
mod heartbeat;
mod input;
mod judge;
#[allow(clippy::module_inception, reason = "the file is named after `Machine`")]
mod machine;
mod output;
mod probe;
mod rare;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    headway::{Halt, Headway, Pace},
    input::Input,
    machine::Machine,
    output::Output,
};
