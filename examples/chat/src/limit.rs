//! Twenty events per second for each socket, forty at once.

use koio::{Context, Next, Reply, Result, ensure};
use std::time::{Duration, Instant};

const COST: Duration = Duration::from_millis(50);
const BURST: Duration = Duration::from_secs(2);

/// Until when a socket's events are paid for.
struct Paid(Instant);

/// koa: `async (ctx, next) => {}`. The events of one socket are handled one at a time, so no two of
/// them pay at the same moment.
pub(crate) async fn limit(ctx: Context, next: Next) -> Result<Reply> {
    let (socket, now) = (ctx.socket(), Instant::now());
    let paid = socket.get::<Paid>().map_or(now, |paid| paid.0.max(now)) + COST;
    let fits = paid <= now + BURST || ctx.close_reason().is_some(); // leaving is free
    ensure!(fits, "too_fast", "Slow down: 20 events per second.");
    socket.set(Paid(paid));
    next.run().await
}
