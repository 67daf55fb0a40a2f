//! A rate limit as a middleware.

use koio::{Context, Next, Reply, Result, ensure};
use tokio::time::Instant; // a test can let it pass

/// Lets through so many events in a second from each socket, of all handlers that it is around.
pub(crate) async fn at_most<const MOST: u32>(ctx: Context, next: Next) -> Result<Reply> {
    let (since, count) = match ctx.socket().get::<Second>() {
        Some(second) if second.since.elapsed().as_secs() < 1 => (second.since, second.count),
        _ => (Instant::now(), 0),
    };
    ensure!(count < MOST, "too_many", "{MOST} in a second are enough");
    // No lock: events of a socket are handled one at a time.
    let count = count + 1;
    ctx.socket().set(Second { since, count });
    next.run().await
}

/// What a socket has had of the second that began then.
struct Second {
    since: Instant,
    count: u32,
}
