//! Section 4 of the guide.

use koio::{Context, IoHandle, Result, SocketId, args, bail, on};
use std::time::Duration;

#[on("news")]
async fn news(ctx: Context, text: String) -> Result<()> {
    ctx.emit("news", args![&text, "to you"])?; // to who sent this
    ctx.broadcast("news", args![&text, "to the others"])?; // to everybody else in this namespace
    ctx.io().broadcast("news", args![&text, "to all"]) // to everybody in `/`
}

#[on("ask")]
async fn ask(ctx: Context, whom: SocketId, question: String) -> Result<String> {
    let Some(other) = ctx.io().socket(whom) else {
        bail!("gone", "nobody has that id");
    };
    let asked = other.timeout(Duration::from_millis(200));
    match asked.emit_with_ack("question", question).await {
        Err(error) if error.is_timeout() => Ok("no answer".to_owned()),
        answer => answer,
    }
}

#[on("vote")]
async fn vote(ctx: Context, question: String) -> Result<usize> {
    let others = ctx.socket().others().timeout(Duration::from_millis(200));
    let answers = others.emit_with_acks::<String>("question", question);
    let yes = |answer: &Result<String>| matches!(answer, Ok(word) if word == "yes");
    let answers = answers.await?;
    Ok(answers.iter().filter(|(_, answer)| yes(answer)).count())
}

pub(crate) async fn remind(io: IoHandle) -> Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        io.broadcast("reminder", "an hour has passed")?;
    }
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![news, ask, vote]
}
