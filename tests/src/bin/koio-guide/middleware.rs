//! Section 6 of the guide.

use koio::Io;
use koio::{Context, Error, Middleware, Next, Reply, Result, ensure, on};
use std::time::Duration;
use std::time::Instant;
use tower::timeout::TimeoutLayer;

pub(crate) async fn timing(ctx: Context, next: Next) -> Result<Reply> {
    let started = Instant::now();
    let reply = next.run().await;
    println!("{} took {:?}", ctx.event(), started.elapsed());
    reply
}

async fn shouting(_: Context, next: Next) -> Result<Reply> {
    let reply = next.run().await?;
    Ok(match reply.downcast_ref::<String>() {
        Some(text) => Reply::new(text.to_uppercase()),
        None => reply,
    })
}

async fn awake(ctx: Context, next: Next) -> Result<Reply> {
    if ctx.handshake().query("asleep").is_some() {
        return Err(Error::new("asleep", "wake up first")); // the handler does not run
    }
    next.run().await
}

#[on("greet", wrap = [awake, shouting])] // around this handler only, `awake` outermost
async fn greet(name: String) -> String {
    format!("hello, {name}")
}

fn at_least(version: u32) -> impl Middleware {
    move |ctx: Context, next: Next| async move {
        let theirs = ctx.handshake().query("version");
        let theirs: u32 = theirs.and_then(|text| text.parse().ok()).unwrap_or(0);
        ensure!(theirs >= version, "outdated", "version {version} is needed");
        next.run().await
    }
}

#[on("modern", wrap = [at_least(2)])]
async fn modern() {}

pub(crate) fn patient(io: Io) -> Io {
    io.layer(TimeoutLayer::new(Duration::from_secs(30)))
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![greet, modern]
}
