//! The koio server of the bench. It prints `listening on ADDRESS` and ends with its standard input.

use std::io::{Read, Write};

use koio::{Args, Bytes, Context, Io, Result, handlers, on};

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

#[on("cast")]
async fn cast(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("news", text)
}

#[on("join")]
async fn join(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join(room)
}

#[on("say")]
async fn say(ctx: Context, room: String, text: String) -> Result<()> {
    ctx.io().to(room).emit("news", text)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let io = Io::new().handlers(handlers![echo, json, binary, cast, join, say]);
    let server = io.bind("127.0.0.1:0").await?;
    println!("listening on {}", server.local_addr());
    std::io::stdout().flush()?;
    server.run().await
}
