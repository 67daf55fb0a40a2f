//! Section 8 of the guide.

use koio::{CloseReason, Context, Error, Next, Reply, Result, on};
use serde::Deserialize;

#[on("connection")]
async fn arrived(ctx: Context) -> Result<()> {
    println!(
        "{} came from {:?}",
        ctx.socket().id(),
        ctx.handshake().address()
    );
    ctx.emit("welcome", ctx.socket().id())
}

#[on("disconnect")]
async fn left(ctx: Context, reason: CloseReason) -> Result<()> {
    println!("{} left: {reason}", ctx.socket().id());
    ctx.broadcast("left", ctx.socket().id()) // its rooms are in `ctx.socket().rooms()`
}

#[on("connection", ns = "/theatre")]
async fn seated(ctx: Context) -> Result<()> {
    let seats_left = 0; // looked up
    if seats_left == 0 {
        ctx.emit("refused", "no seat is left")?;
        return Err(Error::new("full_house", "no seat is left"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

struct Member(String);

async fn members_only(ctx: Context, next: Next) -> Result<Reply> {
    let login: Login = ctx.handshake().auth()?;
    let Some(name) = login.token.strip_prefix("token of ") else {
        return Err(Error::new("unauthorized", "unknown token").data("log in again"));
    };
    ctx.socket().set(Member(name.to_owned()));
    next.run().await
}

#[on("connection", ns = "/members", wrap = [members_only])]
async fn member_arrived(ctx: Context) -> Result<()> {
    let name = ctx.socket().get::<Member>().map(|member| member.0.clone());
    ctx.emit("welcome", name)
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![arrived, left, seated, member_arrived]
}
