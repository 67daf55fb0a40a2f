//! How long a measurement takes, and the clocks at its begin and its end.

use std::time::{Duration, Instant};

use crate::{failure::Failure, latency::Latencies, servers::Server, table::Measured};

/// Time after a measurement in which nothing may come any more.
pub(crate) const QUIET: Duration = Duration::from_millis(50);

/// How long a measurement takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time before each measurement in which the same is done without counting.
    pub(crate) warm_up: Duration,
    /// Seconds of a measurement.
    pub(crate) seconds: f64,
}

impl Pace {
    /// The time of a measurement.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Warms up, measures, and hands back the result when the time is over. `turn` does some of the work and says
    /// how many units there have been in all.
    ///
    /// On a busy machine a server may get little of its core. Then the measurement takes longer, up to four times,
    /// so that it still stands on enough CPU time: what a process has used is brought up to date now and then only.
    pub(crate) fn measure(
        &self,
        server: &Server,
        mut turn: impl FnMut(&mut Latencies) -> Result<u64, Failure>,
    ) -> Result<Measured, Failure> {
        let warm = Instant::now() + self.warm_up;
        let mut latencies = Latencies::new();
        let mut units = 0;
        while Instant::now() < warm {
            units = turn(&mut latencies)?;
        }
        latencies = Latencies::new();
        let clocks = Clocks::start(server, units)?;
        let time = self.time();
        let latest = clocks.started + 4 * time;
        let mut end = clocks.started + time;
        loop {
            while Instant::now() < end {
                units = turn(&mut latencies)?;
            }
            if end >= latest || clocks.used()? >= self.seconds * 0.5e6 {
                return clocks.stop(units, &latencies);
            }
            end += Duration::from_millis(100);
        }
    }
}

/// Reads clocks at the begin and the end of a measurement.
#[derive(Debug)]
pub(super) struct Clocks<'a> {
    server: &'a Server,
    started: Instant,
    cpu: f64,
    units: u64,
}

impl<'a> Clocks<'a> {
    /// `units`: how many there have been so far.
    pub(super) fn start(server: &'a Server, units: u64) -> Result<Self, Failure> {
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

    pub(super) fn stop(self, units: u64, latencies: &Latencies) -> Result<Measured, Failure> {
        let cpu = self.used()?;
        let seconds = self.started.elapsed().as_secs_f64();
        let units = (units - self.units) as f64;
        if units == 0.0 {
            return Err(Failure::Stuck);
        }
        Ok(Measured {
            cost: cpu / units,
            rate: Some(units / seconds),
            bytes: None,
            latency: latencies.percentiles(),
            memory: self.server.memory()?,
        })
    }
}
