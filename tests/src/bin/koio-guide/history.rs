//! The guide: more than a client's queue takes.

use koio::{Context, Handlers, Result, Socket, handlers, on};

pub(crate) fn all() -> Handlers {
    handlers![history]
}

#[on("history")]
async fn history(ctx: Context) -> Result<()> {
    send_history(ctx.socket(), &["one".to_owned()]).await
}

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
