//! Section 9 of the guide: a family of namespaces.

use koio::{Context, Io, Params, Result, handlers, on};

#[on("connection", ns = "/board/{number}")]
async fn sat_down(_: Params<u32>) {} // a board that is no number is refused

#[on("resign", ns = "/board/{number}")]
async fn resign(ctx: Context, board: Params<u32>) -> Result<String> {
    ctx.broadcast("won", ())?; // to the others at this board
    Ok(format!("board {} is free", board.0))
}

pub(crate) fn with_boards(io: Io) -> Io {
    io.handlers(handlers![sat_down, resign])
}
