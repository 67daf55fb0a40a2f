//! How long messages take.

use std::time::Duration;

/// Each doubling of the time is cut into as many buckets: a value is off by one part in 64 at most.
const BUCKETS: u64 = 64;

/// The times of many messages, counted in buckets.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; bucket(u64::MAX) + 1],
            total: 0,
        }
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
    }

    /// What half of the messages took at most, what 99 % did, and 99.9 %; `None` if there were none.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        Some(Percentiles {
            p50: self.at(0.5)?,
            p99: self.at(0.99)?,
            p999: self.at(0.999)?,
        })
    }

    fn at(&self, share: f64) -> Option<f64> {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let index = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        index.map(|index| start(index) as f64 / 1000.0)
    }
}

/// Times in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

fn bucket(nanoseconds: u64) -> usize {
    let doublings = u64::from(
        (nanoseconds / BUCKETS)
            .checked_ilog2()
            .map_or(0, |log| log + 1),
    );
    let shift = doublings.saturating_sub(1);
    // The first two stretches of buckets are one nanosecond wide.
    (shift * BUCKETS + (nanoseconds >> shift)) as usize
}

/// The least time in a bucket, in nanoseconds.
fn start(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / BUCKETS).saturating_sub(1);
    (bucket - shift * BUCKETS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_next_to_its_start() {
        for exponent in 0..63 {
            for time in [1 << exponent, (1 << exponent) + (1 << exponent) / 3] {
                let start = start(bucket(time));
                assert!(
                    start <= time && time - start <= time / BUCKETS,
                    "{time} went to {start}"
                );
            }
        }
    }

    #[test]
    fn percentiles_are_the_times_that_so_many_messages_keep() {
        let mut latencies = Latencies::new();
        assert!(latencies.percentiles().is_none());
        for microseconds in 1..=1000 {
            latencies.record(Duration::from_micros(microseconds));
        }
        let found = latencies.percentiles().expect("a thousand were recorded");
        let near = |found: f64, real: f64| (found - real).abs() <= real / 60.0;
        assert!(near(found.p50, 500.0), "{found:?}");
        assert!(near(found.p99, 990.0), "{found:?}");
        assert!(near(found.p999, 999.0), "{found:?}");
    }
}
