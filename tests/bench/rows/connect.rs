//! Clients that come and go.

use super::pace::{Clocks, Pace};
use crate::{crowd::Crowd, failure::Failure, servers::Server, table::Measured};

/// Connections in a second of measurement. Counted, not timed: each leaves a port behind that can't be used again
/// for a while.
const EACH_SECOND: f64 = 4_000.0;

/// The unit is a connection from its first byte to the answer to CONNECT; that it is closed is part of it.
pub(super) fn run(server: &Server, pace: &Pace) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    let count = |seconds: f64| (EACH_SECOND * seconds) as usize;
    crowd.open_and_close(count(pace.warm_up.as_secs_f64()).min(500))?;
    let count = count(pace.seconds);
    let clocks = Clocks::start(server, 0)?;
    let latencies = crowd.open_and_close(count)?;
    clocks.stop(count as u64, &latencies)
}
