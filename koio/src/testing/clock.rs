//! tokio's clock in a test: it stands still, and moves only when no task has anything left to do.

use std::time::{Duration, Instant};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    time,
};

use crate::{Error, Result};

/// The shortest time that tokio's timers know.
const SMALLEST: Duration = Duration::from_millis(1);

/// Stops the clock of this runtime, unless it stands still already.
pub(super) fn stop() -> Result<()> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(Error::setup(
            "a `TestServer` needs a tokio runtime: write `#[tokio::test]` above an `async fn`",
        ));
    };
    if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return Err(Error::setup(
            "a `TestServer` needs a runtime of one thread, whose clock can stand still: write `#[tokio::test]` without \
             `flavor = \"multi_thread\"`, or `Builder::new_current_thread().enable_all()`",
        ));
    }
    if !stands_still() {
        time::pause();
    }
    Ok(())
}

/// Whether the runtime's clock is paused. tokio does not say, and pausing it twice panics.
fn stands_still() -> bool {
    let before = time::Instant::now();
    let real = Instant::now();
    // A clock that runs is the real one, so it has moved when that has.
    while Instant::now() <= real {
        std::hint::spin_loop();
    }
    time::Instant::now() == before
}

/// Returns when no task has anything left to do but to wait for time to pass.
///
/// A paused clock moves when every task waits, and no sooner, also not while a `spawn_blocking` task runs. Then the
/// nearest timer fires. This one is the nearest there can be.
pub(super) async fn settle() {
    time::sleep(SMALLEST).await;
}

/// Lets so much time pass, timer by timer: the tasks that a timer wakes have nothing left to do before a later timer fires.
pub(super) async fn pass(time: Duration) {
    time::sleep(time.max(SMALLEST)).await;
}
