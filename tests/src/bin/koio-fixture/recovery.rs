//! Clients that come back after a lost connection, with `--recovery`.

use std::time::Duration;

use koio::cluster::RemoteSocket;
use koio::{Bytes, Context, Handlers, Result, handlers, on};
use serde_json::{Value, json};

pub(crate) fn all() -> Handlers {
    handlers![
        whether,
        remember,
        remembered,
        all_remember,
        stream,
        attached,
        recoveries
    ]
}

#[on("recovered")]
async fn whether(ctx: Context) -> bool {
    ctx.socket().recovered()
}

#[on("remember")]
async fn remember(ctx: Context, value: Value) -> Result<()> {
    ctx.socket().set_data(&json!({ "value": value }))
}

#[on("remembered")]
async fn remembered(ctx: Context) -> Result<Value> {
    Ok(ctx.socket().data()?.unwrap_or_default())
}

/// What is remembered of each socket of the namespace.
#[on("all remember")]
async fn all_remember(ctx: Context) -> Result<Vec<Value>> {
    let sockets = ctx.here().fetch_sockets().await?;
    let data = |socket: &RemoteSocket| Ok(socket.data()?.unwrap_or_default());
    sockets.iter().map(data).collect()
}

/// Numbers for everybody in the namespace, from 0 on, one every so many milliseconds. Answered when all are sent.
#[on("stream", concurrency = 8)]
async fn stream(ctx: Context, count: u64, every: u64) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(every));
    for number in 0..count {
        ticks.tick().await;
        ctx.here().broadcast("tick", number)?;
        if number % 10 == 0 {
            ctx.here().volatile().emit("maybe", "a text")?;
        }
    }
    Ok(())
}

#[on("attached")]
async fn attached(ctx: Context) -> Result<()> {
    ctx.socket().broadcast("file", Bytes::from(vec![1, 2, 3]))
}

/// How many clients have come back, and how many were new ones instead.
#[on("recoveries")]
async fn recoveries(ctx: Context) -> [u64; 2] {
    let counts = ctx.io().counts();
    [counts.sessions_recovered, counts.sessions_not_recovered]
}
