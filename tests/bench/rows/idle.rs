//! What a connection costs that does nothing.

use std::time::Duration;

use crate::{crowd::Crowd, failure::Failure, servers::Server, table::Measured};

/// Time in which a server may tidy up.
const SETTLE: Duration = Duration::from_secs(1);

/// The memory of a server with connections, less that of the same server before the first.
pub(crate) fn run(server: &Server, connections: usize) -> Result<Measured, Failure> {
    let before = server.memory()?;
    let mut crowd = Crowd::new(server)?;
    crowd.open(connections)?;
    crowd.stay_quiet(SETTLE)?;
    let memory = server.memory()?;
    Ok(Measured {
        cost: (memory.rss - before.rss) / connections as f64,
        rate: None,
        bytes: None,
        latency: None,
        memory,
    })
}
