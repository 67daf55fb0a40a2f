//! The end of a server: what is delivered first, what is cut, what a signal does, and when its state is dropped.

mod answers;
mod delivery;
mod drain;
pub(crate) mod requests;
#[cfg(unix)]
mod signals;
mod state;

use std::time::Duration;

use koio::server::Drained;
use tokio::task::JoinHandle;

use crate::memory::Memory;

const MINUTE: Duration = Duration::from_secs(60);

/// The sessions that were answered, cut and abandoned.
fn counted(drained: Drained) -> (usize, usize, usize) {
    (drained.answered, drained.cut, drained.abandoned)
}

/// Begins a shutdown that may take a minute.
fn shut_down(memory: &Memory) -> JoinHandle<Drained> {
    let io = memory.io.clone();
    tokio::spawn(async move { io.shutdown(MINUTE).await })
}
