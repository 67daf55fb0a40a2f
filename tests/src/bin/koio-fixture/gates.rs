//! Namespaces whose connection is decided, delayed or wrapped.

use std::time::Duration;

use koio::{Context, Error, Handlers, Next, Params, Reply, Result, State, args, handlers, on};
use serde_json::{Value, json};

use crate::life::Ready;

/// Lets those in who know the token; the others are refused in different ways.
pub(crate) async fn guard(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() != "connection" {
        return next.run().await;
    }
    let auth: Value = ctx.socket().handshake().auth()?;
    match auth["token"].as_str().unwrap_or_default() {
        "secret" => next.run().await,
        "hidden" => Err(std::io::Error::other("the password is hidden"))?,
        "panic" => panic!("boom: the password is 1234"),
        "silent" => Ok(Reply::none()),
        _ => Err(Error::new("unauthorized", "not you").data(json!({ "reason": "token" }))),
    }
}

#[on("connection")]
pub(crate) async fn greet(ctx: Context) -> Result<()> {
    for number in 0..3 {
        ctx.emit("greeting", number)?;
    }
    Ok(())
}

/// Gives events other names and arguments.
pub(crate) async fn renaming(ctx: Context, next: Next) -> Result<Reply> {
    match ctx.event() {
        "old echo" => next.rename("echo")?.run().await,
        "shout" => {
            let text: String = ctx.args()?.next()?;
            let loud = next.with_args(args![text.to_uppercase(), text.len()])?;
            loud.rename("echo")?.run().await
        }
        _ => next.run().await,
    }
}

pub(crate) fn all_rooms() -> Handlers {
    handlers![enter_room, say_in_room, say_in_all]
}

#[on("connection", ns = "/room/{number}")]
async fn enter_room(_: Params<u32>) {}

#[on("say", ns = "/room/{number}")]
async fn say_in_room(ctx: Context, text: String, number: Params<u32>) -> Result<u32> {
    ctx.broadcast("said", text)?;
    Ok(number.0)
}

/// Tells every room, whatever its number.
#[on("say in all")]
async fn say_in_all(ctx: Context, text: String) -> Result<()> {
    ctx.io().of("/room/{number}").emit("said", text)
}

pub(crate) fn all_slow() -> Handlers {
    handlers![prepare, ready]
}

/// A connection handler that takes its time.
#[on("connection")]
async fn prepare(ctx: Context, ready: State<Ready>) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    ready.0.lock().expect("a lock").insert(ctx.socket().id());
}

/// Whether the connection handler had finished.
#[on("ready")]
async fn ready(ctx: Context, ready: State<Ready>) -> bool {
    ready.0.lock().expect("a lock").contains(&ctx.socket().id())
}

#[derive(Clone)]
struct Trail(Vec<&'static str>);

fn step(ctx: &Context, step: &'static str) {
    let mut trail = ctx.get().unwrap_or(Trail(Vec::new()));
    trail.0.push(step);
    ctx.set(trail);
}

pub(crate) async fn outer(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.event() != "peel" {
        return next.run().await;
    }
    step(&ctx, "outer in");
    next.run().await?;
    step(&ctx, "outer out");
    let Trail(steps) = ctx.get().unwrap_or(Trail(Vec::new()));
    Ok(Reply::new(steps))
}

pub(crate) async fn inner(ctx: Context, next: Next) -> Result<Reply> {
    step(&ctx, "inner in");
    if ctx.event() == "blocked" {
        return Err(Error::new("blocked", "no"));
    }
    let reply = next.run().await;
    step(&ctx, "inner out");
    reply
}

#[on("peel")]
pub(crate) async fn peel(ctx: Context) {
    step(&ctx, "handler");
}

#[on("blocked")]
pub(crate) async fn blocked() {
    unreachable!("the middleware does not let this through")
}
