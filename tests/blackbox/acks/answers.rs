//! What a handler answers.

use koio::{Ack, Bytes, Context, Error, Io, Reply, Result, args, handlers, on};
use koio_tests::{Received, Transport};

use crate::memory::Memory;

/// A `Result` by another name, with an error of its own.
type Parsed = std::result::Result<u8, std::num::ParseIntError>;

#[on("parse")]
async fn parse(text: String) -> Parsed {
    text.parse()
}

#[on("nothing")]
async fn nothing(fails: bool) -> Result<()> {
    koio::ensure!(!fails, "failed", "as you wished");
    Ok(())
}

#[on("several")]
async fn several() -> Result<Reply> {
    Ok(Reply::new(args![1, "two", Bytes::from(vec![3])]))
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_result_is_never_written_as_a_value_whatever_the_result_is_called() {
    let io = Io::new()
        .map_error::<std::num::ParseIntError>(|error| Error::new("no_number", error.to_string()))
        .handlers(handlers![parse, nothing, several]);
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    for (event, answer) in [
        (r#"421["parse","7"]"#, "431[7]"),
        (
            r#"422["parse","x"]"#,
            r#"432[{"error":{"code":"no_number","message":"invalid digit found in string"}}]"#,
        ),
        (r#"423["nothing",false]"#, "433[]"),
        (
            r#"424["nothing",true]"#,
            r#"434[{"error":{"code":"failed","message":"as you wished"}}]"#,
        ),
    ] {
        peer.send(event).await;
        peer.expect(answer).await;
    }
    peer.send(r#"425["several"]"#).await;
    peer.expect(r#"461-5[1,"two",{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(peer.next().await, Received::Binary(vec![3]));
}

#[on("ack")]
async fn ack(ctx: Context, kind: String, ack: Ack) -> Result<()> {
    match kind.as_str() {
        "none" => ack.send(()),
        "one" => ack.send([1, 2]),
        "several" => ack.send(args![1, [2], Bytes::from(vec![3])]),
        "twice" => {
            ack.send("first");
            return Err(Error::new("second", "the second"));
        }
        other => ctx.emit("unknown", other)?,
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_ack_answers_with_none_one_or_several_by_the_same_rule() {
    let memory = Memory::new(Io::new().handlers(handlers![ack]));
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["ack","none"]"#).await;
    peer.expect("431[]").await;
    peer.send(r#"422["ack","one"]"#).await;
    peer.expect("432[[1,2]]").await;
    peer.send(r#"423["ack","several"]"#).await;
    peer.expect(r#"461-3[1,[2],{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(peer.next().await, Received::Binary(vec![3]));
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_is_ignored_and_counted() {
    let memory = Memory::new(Io::new().handlers(handlers![ack]));
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["ack","twice"]"#).await;
    peer.expect(r#"431["first"]"#).await;
    peer.send(r#"422["ack","none"]"#).await;
    peer.expect("432[]").await;
    assert_eq!(memory.io.counts().second_answers, 1);
    // Dropped unsent, it is answered all the same.
    peer.send(r#"423["ack","else"]"#).await;
    peer.expect(r#"42["unknown","else"]"#).await;
    peer.expect(r#"433[{"error":{"code":"unanswered","message":"the handler did not answer"}}]"#)
        .await;
    assert_eq!(memory.io.counts().second_answers, 1);
}
