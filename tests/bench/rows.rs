//! What is measured.

mod cast;
mod connect;
mod echo;
mod idle;

use std::time::{Duration, Instant};

use crate::{failure::Failure, servers::Server, table::Measured};
use echo::Kind::{Binary, Text};

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    work: Work,
}

#[derive(Debug, Clone, Copy)]
enum Work {
    /// Connections that keep a window of acks outstanding.
    Echo {
        kind: echo::Kind,
        window: u64,
        size: usize,
    },
    /// One that broadcasts to all.
    Cast {
        recipients: usize,
        size: usize,
    },
    Connect,
    Idle {
        connections: usize,
    },
}

const MICROSECONDS: &str = "µs CPU";

/// All rows.
pub(crate) const ROWS: [Row; 7] = [
    Row {
        name: "echo1",
        title: "echo with ack, 1 in flight, 32 B",
        unit: MICROSECONDS,
        work: Work::Echo {
            kind: Text,
            window: 1,
            size: 32,
        },
    },
    Row {
        name: "echo16",
        title: "echo with ack, 16 in flight, 32 B",
        unit: MICROSECONDS,
        work: Work::Echo {
            kind: Text,
            window: 16,
            size: 32,
        },
    },
    Row {
        name: "echo16-1k",
        title: "echo with ack, 16 in flight, 1 KiB",
        unit: MICROSECONDS,
        work: Work::Echo {
            kind: Text,
            window: 16,
            size: 1024,
        },
    },
    Row {
        name: "binary16-1k",
        title: "binary echo, 16 in flight, 1 KiB",
        unit: MICROSECONDS,
        work: Work::Echo {
            kind: Binary,
            window: 16,
            size: 1024,
        },
    },
    Row {
        name: "cast",
        title: "broadcast to 1,000, 32 B, per delivery",
        unit: MICROSECONDS,
        work: Work::Cast {
            recipients: 1_000,
            size: 32,
        },
    },
    Row {
        name: "connect",
        title: "connect (WebSocket + CONNECT)",
        unit: MICROSECONDS,
        work: Work::Connect,
    },
    Row {
        name: "idle",
        title: "memory per idle WebSocket connection",
        unit: "KiB RSS",
        work: Work::Idle { connections: 1_000 },
    },
];

impl Row {
    /// Measures a fresh server.
    pub(crate) fn run(&self, server: &Server, seconds: f64) -> Result<Measured, Failure> {
        match self.work {
            Work::Echo { kind, window, size } => echo::run(server, kind, window, size, seconds),
            Work::Cast { recipients, size } => cast::run(server, recipients, size, seconds),
            Work::Connect => connect::run(server, seconds),
            Work::Idle { connections } => idle::run(server, connections),
        }
    }
}

/// Time before each measurement in which the same is done without counting.
const WARM_UP: Duration = Duration::from_millis(500);

/// Time after a measurement in which nothing may come any more.
const QUIET: Duration = Duration::from_millis(50);

/// Reads clocks at the begin and the end of a measurement.
struct Clocks<'a> {
    server: &'a Server,
    started: Instant,
    cpu: f64,
    units: u64,
}

impl<'a> Clocks<'a> {
    /// `units`: how many there have been so far.
    fn start(server: &'a Server, units: u64) -> Result<Self, Failure> {
        let cpu = server.cpu()?;
        Ok(Self {
            server,
            started: Instant::now(),
            cpu,
            units,
        })
    }

    /// CPU time since the start, in microseconds.
    fn used(&self) -> Result<f64, Failure> {
        Ok(self.server.cpu()? - self.cpu)
    }

    fn stop(self, units: u64) -> Result<Measured, Failure> {
        let cpu = self.used()?;
        let seconds = self.started.elapsed().as_secs_f64();
        let units = (units - self.units) as f64;
        if units == 0.0 {
            return Err(Failure::Stuck);
        }
        Ok(Measured {
            cost: cpu / units,
            rate: Some(units / seconds),
        })
    }
}

/// Warms up, measures, and hands back the result when the time is over. `turn` does some of the work and says how
/// many units there have been in all.
///
/// On a busy machine a server may get little of its core. Then the measurement takes longer, up to four times, so
/// that it still stands on enough CPU time: the clock of /proc has a resolution of 10 ms.
fn measure(
    server: &Server,
    seconds: f64,
    mut turn: impl FnMut() -> Result<u64, Failure>,
) -> Result<Measured, Failure> {
    let warm = Instant::now() + WARM_UP;
    let mut units = 0;
    while Instant::now() < warm {
        units = turn()?;
    }
    let clocks = Clocks::start(server, units)?;
    let time = Duration::from_secs_f64(seconds);
    let latest = clocks.started + 4 * time;
    let mut end = clocks.started + time;
    loop {
        while Instant::now() < end {
            units = turn()?;
        }
        if end >= latest || clocks.used()? >= seconds * 0.5e6 {
            return clocks.stop(units);
        }
        end += Duration::from_millis(100);
    }
}
