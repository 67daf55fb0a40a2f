//! Each deadline that a client misses says its name, its value and how long it was waited for.

use std::time::Duration;

use koio::config::Config;
use koio::{Context, Io, handlers, on};
use koio_tests::Transport;

use crate::logs::Heard;
use crate::memory::{Memory, within};

/// Waits until that many deadlines are missed, and expects the last one in the log.
async fn missed(memory: &Memory, heard: &Heard, count: u64, words: &str) {
    let come = async {
        while memory.count(|counts| counts.deadlines_missed) < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(words, come).await;
    assert_eq!(memory.count(|counts| counts.deadlines_missed), count);
    let (_, line) = heard
        .says(words)
        .unwrap_or_else(|| panic!("no line says {words}: {:#?}", heard.lines()));
    assert!(line.starts_with("koio::engine"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_pongs_ends_with_ping_timeout_and_both_numbers() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let memory = Memory::new(Io::new());
    for (count, transport) in [(1, Transport::WebSocket), (2, Transport::Polling)] {
        let (silent, _) = memory.socket(transport).await;
        let words = "deadline missed: no pong came in 20s (ping_timeout 20s)";
        missed(&memory, &heard, count, words).await;
        drop(silent);
    }
}

fn patience(limit: impl FnOnce(&mut Config)) -> Memory {
    Memory::new(Io::new().config(limit))
}

#[tokio::test(start_paused = true)]
async fn a_closing_session_names_the_time_that_its_client_had() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let seconds = Duration::from_secs;
    // Something is queued that no poll comes for.
    let memory = patience(|config| config.engine.poll_again_timeout = seconds(3));
    let (_silent, socket) = memory.socket(Transport::Polling).await;
    socket.emit("last", ()).expect("a healthy client");
    socket.disconnect_all();
    let words = "no poll came for what was queued in 3s (poll_again_timeout 3s)";
    missed(&memory, &heard, 1, words).await;
    assert_eq!(memory.count(|counts| counts.sessions_abandoned), 1);
    // The close frame is not answered.
    let memory = patience(|config| config.engine.close_timeout = seconds(12));
    let (silent, socket) = memory.socket(Transport::WebSocket).await;
    socket.disconnect_all();
    let words =
        "the close was not answered in 2s (close_timeout 12s, of which an answer gets a sixth)";
    missed(&memory, &heard, 1, words).await;
    drop(silent);
    // The client reads nothing.
    let memory = patience(|config| config.engine.write_timeout = seconds(4));
    let (silent, socket) = memory.socket(Transport::WebSocket).await;
    socket
        .emit("much", "x".repeat(200_000))
        .expect("a healthy client");
    socket.disconnect_all();
    let words = "nothing of what was queued was taken in 4s (write_timeout 4s)";
    missed(&memory, &heard, 1, words).await;
    drop(silent);
}

/// Asks its own client.
#[on("ask")]
async fn ask(ctx: Context, own: bool) -> koio::Result<()> {
    match own {
        true => {
            ctx.socket()
                .timeout(Duration::from_secs(2))
                .emit_with_ack("question", ())
                .await
        }
        false => ctx.socket().emit_with_ack("question", ()).await,
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_names_ack_timeout_or_the_timeout_of_the_emit() {
    let memory = Memory::new(Io::new().handlers(handlers![ask]));
    let mut client = memory.client(Transport::WebSocket).await;
    for (own, time) in [
        (false, "10s (ack_timeout 10s)"),
        (true, "2s (timeout 2s of the emit)"),
    ] {
        client.send(&format!(r#"421["ask",{own}]"#)).await;
        assert!(client.text().await.contains("question"));
        let words = format!("the client did not answer in {time}");
        let answer = format!(r#"431[{{"error":{{"code":"timeout","message":"{words}"}}}}]"#);
        client.expect(&answer).await;
    }
    let (silent, _) = memory.socket(Transport::WebSocket).await;
    let ask = memory.io.local().emit_with_acks::<()>("question", ());
    let answers = within("the answers", ask).await.expect("one node");
    assert_eq!(answers.len(), 2);
    for (_, answer) in answers {
        let error = answer.expect_err("no answer");
        assert!(error.is_timeout(), "{error}");
        assert_eq!(
            error.message(),
            "the client did not answer in 10s (ack_timeout 10s)"
        );
    }
    drop(silent);
}
