//! "A client that comes back" of the guide.

use koio::{Context, Io, Result, on, recovery::Recovery};
use std::time::Duration;

#[on("connection", ns = "/hall")]
async fn entered(ctx: Context) -> Result<()> {
    if ctx.socket().recovered() {
        return Ok(()); // its id, its rooms and its `data` are those of before
    }
    ctx.socket().join("lobby")
}

fn with_recovery(io: Io) -> Io {
    let handle = io.handle().of("/hall");
    io.recovery(Recovery::new(Duration::from_secs(120)))
        .on_session_expired(move |session| {
            // It has not come back in two minutes.
            let _ = handle.to("lobby").emit("left", session.id());
        })
}

/// The other blocks of the guide show events without the position behind their arguments.
pub(crate) fn if_asked(io: Io) -> Io {
    match std::env::var_os("KOIO_GUIDE_RECOVERY") {
        Some(_) => with_recovery(io),
        None => io,
    }
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![entered]
}
