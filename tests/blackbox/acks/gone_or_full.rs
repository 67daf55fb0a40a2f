//! What a handler's client is told when another client is gone, reads too slowly or does not answer.
//!
//! On one node only: whether a socket of another node is gone or full is not known here, so an emit to it does not fail.
//! `waiting` has what is the same on two nodes.

use std::time::Duration;

use koio::{Context, Io, SocketId, handlers, on};
use koio_tests::Transport;
use serde_json::Value;

use crate::limits::slow_clients::small_queue;
use crate::memory::Memory;

/// Sends somebody a note.
#[on("note")]
async fn note(ctx: Context, to: SocketId) -> koio::Result<()> {
    ctx.io().to(to).emit("note", ())
}

/// Asks somebody.
#[on("inquire")]
async fn inquire(ctx: Context, whom: SocketId) -> koio::Result<Value> {
    let one = ctx.io().to(whom).timeout(Duration::from_secs(5));
    one.emit_with_ack("question", ()).await
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_full_or_silent_is_no_internal_error() {
    let io = Io::new()
        .handlers(handlers![note, inquire])
        .config(|config| small_queue(config, 3));
    let memory = Memory::new(io);
    let mut ann = memory.client(Transport::WebSocket).await;
    let (mut ben, id) = {
        let (peer, socket) = memory.socket(Transport::Polling).await;
        (peer, socket.id())
    };
    let told = |code: &str, message: &str| {
        format!(r#"431[{{"error":{{"code":"{code}","message":"{message}"}}}}]"#)
    };
    ann.send(&format!(r#"421["inquire","{id}"]"#)).await;
    ann.expect(&told(
        "timeout",
        "the client did not answer in 5s (timeout 5s of the emit)",
    ))
    .await;
    ben.text().await;
    for _ in 0..3 {
        ann.send(&format!(r#"421["note","{id}"]"#)).await;
        ann.expect("431[]").await;
    }
    ann.send(&format!(r#"421["note","{id}"]"#)).await;
    let waiting = 3 * (64 + 2 + r#"42["note"]"#.len());
    let full = format!(
        "the client does not read fast enough: {waiting} bytes wait (`send_queue_bytes`: 192)"
    );
    ann.expect(&told("full", &full)).await;
    for _ in 0..3 {
        ben.expect(r#"42["note"]"#).await;
    }
    ann.send(&format!(r#"421["inquire","{id}"]"#)).await;
    ben.text().await;
    ben.send("41").await;
    ann.expect(&told(
        "disconnected",
        "the client disconnected before it answered",
    ))
    .await;
    for event in ["note", "inquire"] {
        ann.send(&format!(r#"421["{event}","{id}"]"#)).await;
        ann.expect(&told("closed", "the client is gone")).await;
    }
}
