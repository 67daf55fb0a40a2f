//! Clients that come and go.

use super::Clocks;
use crate::{crowd::Crowd, failure::Failure, servers::Server, table::Measured};

/// Connections in a second of measurement. Counted, not timed: each leaves a port behind that can't be used again
/// for a while.
const EACH_SECOND: f64 = 4_000.0;
/// Connections before the measurement.
const WARM_UP: usize = 500;

/// The unit is a connection from its first byte to the answer to CONNECT; that it is closed is part of it.
pub(super) fn run(server: &Server, seconds: f64) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    crowd.open_and_close(WARM_UP)?;
    let count = (EACH_SECOND * seconds) as usize;
    let clocks = Clocks::start(server, 0)?;
    crowd.open_and_close(count)?;
    clocks.stop(count as u64)
}
