use koio::{Context, Io, Next, Reply, Result, SocketId, State, handlers, on};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Mutex, time::Instant};

#[derive(Default)]
struct Users(Mutex<HashMap<String, SocketId>>);

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
async fn login(ctx: Context, who: Login, users: State<Users>) {
    users.0.lock().unwrap().insert(who.id, ctx.socket().id());
}

#[on("sendMsg")]
async fn send_msg(ctx: Context, msg: SendMsg) -> Result<()> {
    ctx.io().broadcast("msg1", "I come from the server")?; // everybody
    ctx.io().broadcast("allmessage", &msg.new_account)
}

#[on("private")]
async fn private(ctx: Context, msg: Private, users: State<Users>) -> Result<Receipt> {
    let to = users.0.lock().unwrap().get(&msg.to).copied();
    let Some(to) = to else {
        return Ok(Receipt { delivered: false });
    };
    ctx.io().to(to).emit("private", &msg.text)?;
    Ok(Receipt { delivered: true }) // the return value is the ack
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
        .state(Users::default())
        .wrap(timing) // koa: app.use(fn)
        .handlers(handlers![connected, login, send_msg, private])
        .listen("127.0.0.1:3000")
        .await
}

#[cfg(test)]
mod tests;
