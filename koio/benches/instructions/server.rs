//! The server that is counted. It prints its address and ends with its standard input.

use std::{
    io::{self, Read, Write},
    process, thread,
    time::Duration,
};

use koio::{
    Args, Bytes, Context, Io, Next, Reply, cluster::Memory, handlers, on, recovery::Recovery,
};
use serde::{Deserialize, Serialize};
use tokio::{runtime, task::yield_now};

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

/// A message of a chat.
#[derive(Deserialize, Serialize)]
struct Message {
    from: String,
    id: u64,
    private: bool,
    reply_to: Option<u64>,
    tags: Vec<String>,
    text: String,
}

#[on("struct")]
async fn message(message: Message) -> Message {
    message
}

#[on("value")]
async fn value(value: serde_json::Value) -> serde_json::Value {
    value
}

/// Awaits once; one at a time. Its answer is of another type than that of `echo`, so that the compiler makes of that what it
/// would make without this one.
#[on("late")]
async fn late(text: String) -> Box<str> {
    yield_now().await;
    text.into()
}

/// The same, and sixteen at once.
#[on("overlap", concurrency = 16)]
async fn overlap(text: String) -> Box<str> {
    yield_now().await;
    text.into()
}

async fn pass(_: Context, next: Next) -> koio::Result<Reply> {
    next.run().await
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

/// Serves a row, whose name says what is around the events.
pub(crate) fn run(row: &str) -> koio::Result<()> {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let wraps = match row {
            _ if row.starts_with("wrap3-") => 3,
            _ if row.starts_with("wrap") => 1,
            _ => 0,
        };
        let mut io = (0..wraps).fold(Io::new(), |io, _| io.wrap(pass));
        if row.starts_with("layer") {
            io = io.layer(tower::layer::layer_fn(|inner| {
                tower::util::MapRequest::new(inner, |ctx: Context| ctx)
            }));
        }
        if row.starts_with("recover") {
            io = io.recovery(Recovery::new(Duration::from_secs(60)));
        }
        if row.starts_with("cluster") {
            // Another node, without clients, hears every event.
            let broker = Memory::new();
            let other = Io::new()
                .cluster(broker.clone())
                .bind("127.0.0.1:0")
                .await?;
            tokio::spawn(other.run());
            io = io.cluster(broker);
        }
        if row.starts_with("overlap") {
            io = io.handlers(handlers![overlap]);
        }
        let server = io
            .handlers(handlers![
                echo, json, binary, message, value, late, event, cast, join, say
            ])
            .config(|config| config.engine.ping_interval = Duration::from_secs(3_600))
            .bind("127.0.0.1:0")
            .await?;
        println!("{}", server.local_addr());
        io::stdout().flush()?;
        server.run().await
    })
}
