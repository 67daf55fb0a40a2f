//! The one place where koio reads its clock.

use std::time::Instant;

/// The time by tokio's clock, so that tests can pause it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
