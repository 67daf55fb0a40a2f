//! Ctrl-C and SIGTERM.

use std::io;

/// Waits for Ctrl-C or SIGTERM, as [`Io::listen`](crate::Io::listen) does: for programs that run koio inside another
/// server.
///
/// If signals can't be waited for, that is logged and this resolves at once: a server that ends is better than one that
/// can't be ended. From the first call on, Ctrl-C does not end the process by itself any more; call this again to wait
/// for a second one.
///
/// ```no_run
/// # use koio::{Io, Result};
/// # use std::time::Duration;
/// # async fn run(io: Io) -> Result<()> {
/// let server = io.bind("127.0.0.1:3000").await?;
/// let handle = server.handle();
/// tokio::spawn(async move {
///     koio::shutdown_signal().await;
///     handle.shutdown(Duration::from_secs(10)).await;
/// });
/// server.run().await
/// # }
/// ```
///
/// # Panics
/// Outside a tokio runtime.
///
/// # Cancel safety
/// Dropping the future stops the waiting, and nothing else.
pub async fn shutdown_signal() {
    if let Err(error) = signalled().await {
        tracing::error!(%error, "can't wait for signals");
    }
}

#[cfg(unix)]
pub(super) async fn signalled() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ctrl_c = tokio::signal::ctrl_c() => ctrl_c,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
pub(super) async fn signalled() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
