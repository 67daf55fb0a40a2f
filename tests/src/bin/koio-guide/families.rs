//! Section 9 of the guide: an emit to a whole family of namespaces.

use koio::{Context, Result, on};

#[on("close")]
async fn close(ctx: Context) -> Result<usize> {
    let boards = ctx.io().of("/board/{number}");
    boards.broadcast("closing", "good night")?; // at each board
    let players = boards.count();
    boards.disconnect_sockets()?;
    Ok(players)
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![close]
}
