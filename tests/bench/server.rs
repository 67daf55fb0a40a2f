//! The koio server of the bench. It prints `listening on ADDRESS` and ends with its standard input.
//!
//! `--workers 2` has two threads, `--namespaces 100` adds `/00` to `/99`, `--wraps 3` puts so many middlewares around
//! every event, `--layers 1` so many tower layers. `--redis redis://ADDRESS` or `--nats nats://ADDRESS` joins the cluster
//! there. `--deflate 1` compresses messages. `--recovery 60` keeps what a client misses for so many seconds.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use koio::{
    Args, Bytes, Context, Io, Namespace, Next, Reply, Result,
    cluster::{Nats, Redis},
    config::PerMessageDeflate,
    handlers, on,
    recovery::Recovery,
};
use serde::{Deserialize, Serialize};
use tower::util::MapResponseLayer;

#[on("echo")]
async fn echo(text: String) -> String {
    text
}

/// Passed on as it was received.
#[on("json")]
async fn json(args: Args) -> Args {
    args
}

/// A message of a chat.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    from: String,
    id: u64,
    private: bool,
    reply_to: Option<u64>,
    tags: Vec<String>,
    text: String,
}

#[on("value")]
async fn value(value: serde_json::Value) -> serde_json::Value {
    value
}

#[on("struct")]
async fn structure(message: Message) -> Message {
    message
}

#[on("await")]
async fn awaiting(text: String) -> String {
    tokio::task::yield_now().await;
    text
}

#[on("overlap", concurrency = 16)]
async fn overlapping(text: String) -> String {
    tokio::task::yield_now().await;
    text
}

#[on("pause", concurrency = 100)]
async fn pause(text: String) -> String {
    tokio::time::sleep(Duration::from_millis(20)).await;
    text
}

#[on("binary")]
async fn binary(bytes: Bytes) -> Bytes {
    bytes
}

#[on("cast")]
async fn cast(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("news", text)
}

/// Passed on as it was received.
#[on("cast-json")]
async fn cast_json(ctx: Context, args: Args) -> Result<()> {
    ctx.io().broadcast("news", args)
}

#[on("join")]
async fn join(ctx: Context, room: String) -> Result<()> {
    ctx.socket().join(room)
}

#[on("say")]
async fn say(ctx: Context, room: String, text: String) -> Result<()> {
    ctx.io().to(room).emit("news", text)
}

/// Joins the room and leaves it so many times, and answers with the nanoseconds that each `join` took.
#[on("join-timed")]
async fn join_timed(ctx: Context, room: String, times: usize) -> Result<Vec<u64>> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        ctx.socket().join(&*room)?;
        took.push(u64::try_from(started.elapsed().as_nanos())?);
        ctx.socket().leave(&*room);
        tokio::task::yield_now().await;
    }
    Ok(took)
}

/// Emits to a room without members, over and over for so many milliseconds. Answers with the
/// nanoseconds that the longest of the calls took.
#[on("emit-timed")]
async fn emit_timed(ctx: Context, milliseconds: u64) -> Result<u64> {
    let end = Instant::now() + Duration::from_millis(milliseconds);
    let mut longest = Duration::ZERO;
    while Instant::now() < end {
        let started = Instant::now();
        ctx.io().to("nobody").emit("tick", ())?;
        longest = longest.max(started.elapsed());
        // No timer is so fine, and without a pause the log would be full of these.
        while started.elapsed() < Duration::from_micros(50) {
            tokio::task::yield_now().await;
        }
    }
    Ok(u64::try_from(longest.as_nanos())?)
}

/// The middleware that costs least.
async fn through(_: Context, next: Next) -> Result<Reply> {
    next.run().await
}

/// What the command line asks for.
#[derive(Debug, Default)]
struct Asked {
    namespaces: usize,
    wraps: usize,
    layers: usize,
    redis: Option<String>,
    nats: Option<String>,
    recovery: u64,
    deflate: bool,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut workers, mut asked) = (1, Asked::default());
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match name.as_str() {
            "--workers" => workers = value.parse()?,
            "--namespaces" => asked.namespaces = value.parse()?,
            "--wraps" => asked.wraps = value.parse()?,
            "--layers" => asked.layers = value.parse()?,
            "--redis" => asked.redis = Some(value),
            "--nats" => asked.nats = Some(value),
            "--deflate" => asked.deflate = value == "1",
            "--recovery" => asked.recovery = value.parse()?,
            _ => return Err(koio::Error::new("usage", name)),
        }
    }
    let mut runtime = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime
        .worker_threads(workers)
        .enable_all()
        .build()?
        .block_on(serve(asked))
}

async fn serve(asked: Asked) -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut io = Io::new()
        .handlers(handlers![
            echo,
            json,
            value,
            structure,
            awaiting,
            overlapping,
            pause
        ])
        .handlers(handlers![
            binary, cast, cast_json, join, say, join_timed, emit_timed
        ])
        .config(|config| config.socket.namespaces = asked.namespaces + 1);
    for _ in 0..asked.wraps {
        io = io.wrap(through);
    }
    for _ in 0..asked.layers {
        io = io.layer(MapResponseLayer::new(|reply: Reply| reply));
    }
    for number in 0..asked.namespaces {
        let namespace = Namespace::new().handlers(handlers![echo]);
        io = io.namespace(format!("/{number:02}"), namespace);
    }
    if asked.deflate {
        io = io.per_message_deflate(PerMessageDeflate::new());
    }
    if let Some(url) = asked.redis {
        io = io.cluster(Redis::new(url));
    }
    if let Some(url) = asked.nats {
        io = io.cluster(Nats::new(url));
    }
    if asked.recovery > 0 {
        // Room for tens of thousands of missed events.
        let recovery =
            Recovery::new(Duration::from_secs(asked.recovery)).namespace_bytes(32 * 1024 * 1024);
        io = io
            .recovery(recovery)
            .config(|config| config.engine.send_queue_hard = 64 * 1024 * 1024);
    }
    let server = io.bind("127.0.0.1:0").await?;
    println!("listening on {}", server.local_addr());
    std::io::stdout().flush()?;
    server.run().await
}
