//! The server that is counted. It prints its address and ends with its standard input.

use std::{
    io::{self, Read, Write},
    process, thread,
    time::Duration,
};

use koio::{Args, Bytes, Context, Io, handlers, on};
use tokio::runtime;

#[on("echo")]
async fn echo(text: String) -> String {
    text
}

/// Passed on as it was received.
#[on("json")]
async fn json(args: Args) -> Args {
    args
}

#[on("binary")]
async fn binary(bytes: Bytes) -> Bytes {
    bytes
}

#[on("event")]
async fn event(ctx: Context, text: String) -> koio::Result<()> {
    ctx.socket().emit("news", text)
}

#[on("cast")]
async fn cast(ctx: Context, text: String) -> koio::Result<()> {
    ctx.io().broadcast("news", text)
}

#[on("join")]
async fn join(ctx: Context, room: String) -> koio::Result<()> {
    ctx.socket().join(room)
}

#[on("say")]
async fn say(ctx: Context, room: String, text: String) -> koio::Result<()> {
    ctx.io().to(room).emit("news", text)
}

pub(crate) fn run() -> koio::Result<()> {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Io::new()
            .handlers(handlers![echo, json, binary, event, cast, join, say])
            .config(|config| config.engine.ping_interval = Duration::from_secs(3_600))
            .bind("127.0.0.1:0")
            .await?;
        println!("{}", server.local_addr());
        io::stdout().flush()?;
        server.run().await
    })
}
