//! Questions to the client, and answers that are given later or never.

use std::time::Duration;

use koio::{Ack, Args, Bytes, Context, Handlers, Result, SocketId, args, handlers, on};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) fn all() -> Handlers {
    handlers![
        ask,
        ask_for_bytes,
        ask_within,
        ask_all,
        ask_and_report,
        drop_ack,
        late_ack,
        ask_for_values,
        ask_as_they_come,
        eleven,
        eleven_anywhere,
        relay_with_bytes,
    ]
}

/// Asks this socket and answers with a list of what it answered.
#[on("ask")]
async fn ask(ctx: Context, kind: String) -> Result<[Value; 1]> {
    Ok([ctx.socket().emit_with_ack("question", kind).await?])
}

/// Answers with all values of the answer.
#[on("ask-for-values")]
async fn ask_for_values(ctx: Context) -> Result<Vec<Value>> {
    let answer = ctx.socket().emit_with_ack("question", "several");
    answer.all_values().await
}

/// Tells each answer of a room as it comes.
#[on("ask-as-they-come", concurrency = 8)]
async fn ask_as_they_come(ctx: Context, room: String) -> Result<usize> {
    let mut answers = ctx.io().to(room).emit_with_acks::<Value>("question", "all");
    let mut count = 0;
    while let Some((_, answer)) = answers.next().await? {
        ctx.emit("answered", answer?)?;
        count += 1;
    }
    Ok(count)
}

#[derive(Deserialize, Serialize)]
struct Found {
    bytes: Bytes,
    deep: Vec<Bytes>,
}

#[on("ask-for-bytes")]
async fn ask_for_bytes(ctx: Context) -> Result<Found> {
    ctx.socket().emit_with_ack("question", "bytes").await
}

/// Asks, waits no longer than this, and answers with how that ended.
#[on("ask-within")]
async fn ask_within(ctx: Context, milliseconds: u64) -> String {
    outcome(&ctx, milliseconds).await
}

/// Asks everybody in a room, waits no longer than this, and answers with each one's id and answer, or code.
#[on("ask-all")]
async fn ask_all(ctx: Context, room: String, milliseconds: u64) -> Result<Vec<Value>> {
    let everybody = ctx.io().to(room);
    let patience = Duration::from_millis(milliseconds);
    let answers = everybody
        .timeout(patience)
        .emit_with_acks("question", "all")
        .await?;
    let told = |(id, answer): (SocketId, Result<Value>)| match answer {
        Ok(value) => serde_json::json!([id, value]),
        Err(error) => serde_json::json!([id, error.code()]),
    };
    Ok(answers.into_iter().map(told).collect())
}

/// As `ask-within`, but the watchers are told: this socket may be gone.
#[on("ask-and-report")]
async fn ask_and_report(ctx: Context, milliseconds: u64) -> Result<()> {
    let outcome = outcome(&ctx, milliseconds).await;
    ctx.io()
        .of("/watch")
        .emit("unanswered", args![ctx.socket().id(), outcome])
}

async fn outcome(ctx: &Context, milliseconds: u64) -> String {
    let patience = Duration::from_millis(milliseconds);
    let answer = ctx
        .socket()
        .timeout(patience)
        .emit_with_ack::<Value>("question", "in time")
        .await;
    match answer {
        Ok(value) => value.to_string(),
        Err(error) => error.code().to_owned(),
    }
}

/// Promises to answer later and forgets.
#[on("drop-ack")]
async fn drop_ack(ack: Ack) {
    drop(ack);
}

/// Answers after it has returned.
#[on("late-ack")]
async fn late_ack(ack: Ack) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ack.send("later");
    });
}

/// Tries to send more attachments than clients take.
#[on("eleven")]
async fn eleven(ctx: Context) -> Result<()> {
    ctx.emit("eleven", vec![Bytes::from(vec![1]); 11])
}

/// Tries it by each call that sends, and answers with the codes of their errors.
#[on("eleven-anywhere")]
async fn eleven_anywhere(ctx: Context) -> Vec<String> {
    let eleven = || vec![Bytes::from(vec![1]); 11];
    let (socket, io) = (ctx.socket(), ctx.io());
    let asked = socket.emit_with_ack::<Value>("eleven", eleven()).await;
    let asked_all = io
        .to(socket.id())
        .emit_with_acks::<Value>("eleven", eleven())
        .await;
    let results = [
        socket.emit("eleven", eleven()),
        socket.volatile().emit("eleven", eleven()),
        socket.broadcast("eleven", eleven()),
        ctx.to("room").emit("eleven", eleven()),
        io.broadcast("eleven", eleven()),
        io.to(socket.id()).emit("eleven", eleven()),
        asked.map(drop),
        asked_all.map(drop),
    ];
    let code = |result: Result<()>| match result {
        Ok(()) => "sent".to_owned(),
        Err(error) => error.code().to_owned(),
    };
    results.into_iter().map(code).collect()
}

/// Sends what a client has sent to everybody, with real bytes beside it.
#[on("relay-with-bytes")]
async fn relay_with_bytes(ctx: Context, args: Args) -> Result<()> {
    let bytes = Bytes::from(vec![1, 2, 3]);
    ctx.io().broadcast("relayed", args![args, bytes])
}
