//! How long messages take.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest time that is told from longer ones.
const MOST: Duration = Duration::from_secs(600);

/// The times of many messages.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        let nanoseconds = u64::try_from(MOST.as_nanos()).unwrap_or(u64::MAX);
        Self(Histogram::new_with_max(nanoseconds, 2).expect("valid bounds"))
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanoseconds);
    }

    /// What half of the messages took at most, what 99 % did, and 99.9 %, and all; `None` if there were none.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let at = |share| self.0.value_at_quantile(share) as f64 / 1000.0;
        (!self.0.is_empty()).then(|| Percentiles {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        })
    }
}

/// Times in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

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
