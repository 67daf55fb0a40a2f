//! The deadline that everything in these tests is under.

use std::future::Future;
use std::time::Duration;

/// How often [`until`] looks.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a step may take before the test fails. It bounds a hang; no test waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Waits for `future`.
///
/// # Panics
/// Fails the test if it takes longer than [`PATIENCE`]; `what` says what was being waited for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{PATIENCE:?} passed: {what}"),
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// Fails the test if it takes longer than [`PATIENCE`]; `what` says what was being waited for.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    within(what, holds).await;
}

/// As [`until`], for a condition that has to be asked for.
///
/// # Panics
/// As [`until`].
pub async fn until_async(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    within(what, holds).await;
}
