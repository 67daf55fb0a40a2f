//! Section 11 of the guide.

use koio::{Context, Io, Result, Socket, on};
use std::time::Duration;

async fn send_history(socket: &Socket, history: &[String]) -> Result<()> {
    for line in history {
        while let Err(error) = socket.emit("line", line) {
            if !error.is_full() {
                return Err(error);
            }
            socket.ready().await?; // less than `send_queue_bytes` waits, or the client is gone
        }
    }
    Ok(())
}

#[on("history")]
async fn history(ctx: Context, lines: usize) -> Result<()> {
    let history: Vec<_> = (0..lines).map(|line| format!("line {line}")).collect();
    send_history(ctx.socket(), &history).await
}

pub(crate) fn limited(io: Io) -> Io {
    io.max_payload(100_000)
        .ping_interval(Duration::from_secs(10))
        .config(|config| {
            config.socket.rooms = 10;
            config.engine.send_queue_bytes = 256 * 1024;
        })
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![history]
}
