use koio::{Context, Io, Next, Reply, Result, SocketId, handlers, on};
use serde::{Deserialize, Serialize};
use std::time::Instant;

#[derive(Deserialize)]
struct Login {
    id: String,
}

#[derive(Deserialize)]
struct SendMsg {
    #[serde(rename = "newAccount")]
    new_account: String,
}

#[derive(Deserialize)]
struct Private {
    to: String,
    text: String,
}

#[derive(Serialize)]
struct Receipt {
    delivered: bool,
}

#[on("connection")]
async fn connected(ctx: Context) {
    println!("{} connected", ctx.socket().id())
}

#[on("login")]
async fn login(ctx: Context, who: Login) -> Result<SocketId> {
    ctx.socket().join(format!("user:{}", who.id))?; // a user is a room: all of their devices
    Ok(ctx.socket().id()) // one device is its socket's id
}

#[on("sendMsg")]
async fn send_msg(ctx: Context, msg: SendMsg) -> Result<()> {
    ctx.io().broadcast("msg1", "I come from the server")?; // everybody
    ctx.io().broadcast("allmessage", &msg.new_account)
}

#[on("private")]
async fn private(ctx: Context, msg: Private) -> Result<Receipt> {
    let user = ctx.io().to(format!("user:{}", msg.to)); // `user:` keeps clients out of other rooms
    user.emit("private", &msg.text)?;
    Ok(Receipt {
        delivered: user.count() > 0,
    }) // the return value is the ack
}

#[on("nudge")]
async fn nudge(ctx: Context, socket_id: SocketId) -> Result<()> {
    ctx.io().to(socket_id).emit("nudged", ctx.socket().id()) // one device
}

async fn timing(ctx: Context, next: Next) -> Result<Reply> {
    // koa: async (ctx, next) => {}
    let started = Instant::now();
    let reply = next.run().await; // koa: await next()
    println!("{} took {:?}", ctx.event(), started.elapsed());
    reply
}

#[tokio::main]
async fn main() -> Result<()> {
    Io::new()
        .wrap(timing) // koa: app.use(fn)
        .handlers(handlers![connected, login, send_msg, private, nudge])
        .listen("127.0.0.1:3000")
        .await
}

#[cfg(test)]
mod tests;
