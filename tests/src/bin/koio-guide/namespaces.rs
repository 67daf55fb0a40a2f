//! Section 9 of the guide.

use koio::{Context, Io, Namespace, Result, handlers, on};

#[on("move")]
async fn step(ctx: Context, x: i32, y: i32) -> Result<()> {
    ctx.broadcast("moved", koio::args![x, y])?; // everybody else in `/game`
    ctx.here().broadcast("moves", ctx.here().count())?; // everybody in `/game`, who moved included
    ctx.io().broadcast("played", "/game") // `ctx.io()` is the server, which means `/`
}

fn game() -> Namespace {
    Namespace::new().handlers(handlers![step])
}

pub(crate) fn with_game(io: Io) -> Io {
    io.namespace("/game", game())
}
