//! The one place where koio reads its clock.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

/// The time by tokio's clock, so that tests can pause it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time so long from now. A time that the clock can't express is thirty years away, as in tokio.
pub(crate) fn after(time: Duration) -> Instant {
    let now = now();
    let far = Duration::from_secs(86_400 * 365 * 30);
    now.checked_add(time).unwrap_or_else(|| now + far)
}

/// How late something may be looked at that was due for the client to be judged by it at once. If it is later, the server
/// has stood still, and what the client sent meanwhile may not have been read.
pub(crate) const PUNCTUAL: Duration = Duration::from_millis(100);

/// Puts off the judgement of a client whose deadline is looked at late, once.
#[derive(Debug, Default)]
pub(crate) struct PutOff {
    was_late: bool,
}

impl PutOff {
    /// When to judge instead of now, if that is more than [`PUNCTUAL`] behind the deadline, and was not the time before.
    pub(crate) fn until(&mut self, deadline: Instant, now: Instant) -> Option<Instant> {
        let is_late = now.saturating_duration_since(deadline) > PUNCTUAL;
        let puts_off = is_late && !std::mem::replace(&mut self.was_late, true);
        puts_off.then(|| now + PUNCTUAL)
    }
}

/// When seconds were first counted.
static FIRST_SECOND: LazyLock<Instant> = LazyLock::new(now);

/// The time in whole seconds, counted from 1.
pub(crate) fn second() -> u32 {
    let first = *FIRST_SECOND;
    let seconds = now().saturating_duration_since(first).as_secs();
    u32::try_from(seconds).unwrap_or(u32::MAX).saturating_add(1)
}
