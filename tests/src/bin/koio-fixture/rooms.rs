//! Rooms and broadcasts.

use koio::{Context, Handlers, Result, args, handlers, on};
use serde::Deserialize;

pub(crate) fn all() -> Handlers {
    handlers![
        join,
        leave,
        join_all,
        leave_all,
        tell_all_of,
        rooms,
        members,
        tell_all,
        tell_all_here,
        tell_others,
        tell,
        tell_room_mates,
        tell_namespace,
        tell_a_then_b,
        flood,
    ]
}

#[on("join")]
async fn join(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join(room)
}

#[on("leave")]
async fn leave(ctx: Context, room: String) {
    ctx.socket().leave(room);
}

#[on("join all")]
async fn join_all(ctx: Context, rooms: Vec<String>) -> Result<()> {
    ctx.socket().join(rooms)
}

#[on("leave all")]
async fn leave_all(ctx: Context) {
    ctx.socket().leave_all();
}

#[on("tell all of")]
async fn tell_all_of(
    ctx: Context,
    to: Vec<String>,
    except: Vec<String>,
    text: String,
) -> Result<()> {
    ctx.io().to(to).except(except).emit("message", text)
}

#[on("rooms")]
async fn rooms(ctx: Context) -> Vec<String> {
    ctx.socket()
        .rooms()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[on("members")]
async fn members(ctx: Context, room: String) -> Vec<String> {
    let sockets = ctx.io().to(room).sockets();
    sockets
        .iter()
        .map(|socket| socket.id().to_string())
        .collect()
}

#[on("tell-all")]
async fn tell_all(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("message", text)
}

#[on("tell-all-here")]
async fn tell_all_here(ctx: Context, text: String) -> Result<()> {
    ctx.io().of(ctx.namespace()).emit("message", text)
}

#[on("tell-others")]
async fn tell_others(ctx: Context, text: String) -> Result<()> {
    ctx.broadcast("message", text)
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Whom {
    to: Vec<String>,
    except: Vec<String>,
    volatile: bool,
    uncompressed: bool,
}

#[on("tell")]
async fn tell(ctx: Context, whom: Whom, text: String) -> Result<()> {
    let mut emit = ctx.io().of(ctx.namespace()).local();
    for room in whom.to {
        emit = emit.to(room);
    }
    for room in whom.except {
        emit = emit.except(room);
    }
    if whom.volatile {
        emit = emit.volatile();
    }
    emit.compress(!whom.uncompressed).emit("message", text)
}

#[on("tell-room-mates")]
async fn tell_room_mates(ctx: Context, room: String, text: String) -> Result<()> {
    ctx.to(room).emit("message", text)
}

#[on("tell-namespace")]
async fn tell_namespace(ctx: Context, namespace: String, text: String) -> Result<()> {
    ctx.io().of(&namespace).emit("message", text)
}

/// Uses one builder for two audiences.
#[on("tell-a-then-b")]
async fn tell_a_then_b(ctx: Context, text: String) -> Result<()> {
    let everybody = ctx.io().of(ctx.namespace()).local();
    let (a, b) = (everybody.clone().to("a"), everybody.to("b"));
    a.emit("message", format!("{text} to a"))?;
    b.emit("message", format!("{text} to b"))
}

/// Sends volatile events of 16 KiB to a room, and answers how many were dropped. Compressed, they would be too small to be.
#[on("flood", concurrency = 2)]
async fn flood(ctx: Context, room: String, count: u64) -> Result<u64> {
    let before = ctx.io().counts().volatile_dropped;
    let text = "x".repeat(16 * 1024);
    for number in 0..count {
        ctx.to(room.clone())
            .volatile()
            .compress(false)
            .emit("flood", args![number, &text])?;
        tokio::task::yield_now().await;
    }
    Ok(ctx.io().counts().volatile_dropped - before)
}
