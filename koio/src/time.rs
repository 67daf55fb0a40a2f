//! The one place where koio reads its clock.

use std::{sync::LazyLock, time::Instant};

/// The time by tokio's clock, so that tests can pause it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How late something may be looked at that was due for the client to be judged by it at once. If it is later, the server
/// has stood still, and what the client sent meanwhile may not have been read.
pub(crate) const PUNCTUAL: std::time::Duration = std::time::Duration::from_millis(100);

/// When seconds were first counted.
static FIRST_SECOND: LazyLock<Instant> = LazyLock::new(now);

/// The time in whole seconds, counted from 1.
pub(crate) fn second() -> u32 {
    let first = *FIRST_SECOND;
    let seconds = now().saturating_duration_since(first).as_secs();
    u32::try_from(seconds).unwrap_or(u32::MAX).saturating_add(1)
}
