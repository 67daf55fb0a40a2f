//! Section 5 of the guide.

use koio::{Context, Result, ensure, on};

#[on("join")]
async fn join(ctx: Context, room: String) -> Result<usize> {
    ensure!(room.starts_with("tea-"), "no_such_room", "only tea here");
    ctx.socket().join(&room)?;
    Ok(ctx.io().to(room).sockets().len())
}

#[on("say")]
async fn say(ctx: Context, room: String, text: String) -> Result<()> {
    ensure!(ctx.socket().is_in(&room), "not_in_room", "join first");
    ctx.to(&room).emit("said", &text)?; // the room, without who says it
    ctx.io()
        .to(&room)
        .to("tea-log")
        .except("tea-deaf")
        .emit("logged", text) // with the sender, each once
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![join, say]
}
