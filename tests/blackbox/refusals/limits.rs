//! Each limit says its name and both numbers.

use std::time::Duration;

use koio::config::Config;
use koio::observe::Counts;
use koio::{Context, Io, handlers, on};
use koio_tests::{
    Client, Frame, Http, Polling, RawWebSocket, Running, Transport, http, serve, until,
};

use crate::logs::Heard;
use crate::scene::echo;

#[on("join")]
async fn join(ctx: Context, room: String) -> koio::Result<()> {
    ctx.socket().join(room)
}

#[on("ask")]
async fn ask(ctx: Context, many: usize) -> koio::Result<()> {
    let socket = ctx.socket();
    let mut pending = Vec::new();
    for _ in 0..many {
        pending.push(socket.emit_with_ack::<()>("question", ()));
    }
    for answer in futures_util::future::join_all(pending).await {
        answer?;
    }
    Ok(())
}

async fn server(limit: impl FnOnce(&mut Config)) -> Running {
    serve(Io::new().handlers(handlers![echo, join, ask]).config(limit)).await
}

/// Waits until `count` is no longer zero and the log says these words.
async fn logged(server: &Running, heard: &Heard, count: impl Fn(&Counts) -> u64, words: &str) {
    let told = || count(&server.handle.counts()) != 0 && heard.says(words).is_some();
    until(words, told).await;
}

#[tokio::test]
async fn a_message_that_is_too_long_names_max_payload_in_the_close_frame_the_answer_and_the_log() {
    let server = server(|config| config.engine.max_payload = 1_024).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let words = "message of at least 2000 bytes (max_payload 1024)";
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    socket.send(&Frame::text("4".repeat(2_000))).await;
    let reason = loop {
        let frame = socket.next().await.expect("a close frame");
        if frame.opcode == 8 {
            break String::from_utf8(frame.payload[2..].to_vec()).expect("a text");
        }
    };
    assert_eq!(reason, words);
    logged(&server, &heard, |counts| counts.limits_exceeded, words).await;
    let session = Polling::open(server.target()).await;
    let refused = http::post(server.addr, &session.path(), "4".repeat(2_000)).await;
    assert_eq!((refused.status, refused.text()), (413, words));
    let session = Polling::open(server.target()).await;
    let refused = http::post(server.addr, &session.path(), "4".repeat(9_000)).await;
    let words = "request body of at least 9000 bytes (at most 2392: max_payload 1024 in base64)";
    assert_eq!((refused.status, refused.text()), (413, words));
    assert_eq!(server.handle.counts().limits_exceeded, 3);
}

#[tokio::test]
async fn a_message_in_too_many_frames_names_max_fragments() {
    let server = server(|config| config.engine.max_fragments = Some(2)).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    socket.send(&Frame::text("4").unfinished()).await;
    for _ in 0..3 {
        socket.send(&Frame::new(0, "x").unfinished()).await;
    }
    let words = "message in more than 2 frames (max_fragments 2)";
    logged(&server, &heard, |counts| counts.limits_exceeded, words).await;
}

#[tokio::test]
async fn a_body_that_pauses_names_message_timeout_in_the_answer() {
    let pause = Duration::from_millis(200);
    let server = server(|config| config.engine.message_timeout = pause).await;
    let session = Polling::open(server.target()).await;
    let mut http = Http::connect(server.addr).await;
    http.head("POST", &session.path(), &[("Content-Length", "100")])
        .await;
    http.write("4").await;
    let answer = http.response().await.expect("an answer");
    let words = "message paused for 200ms (message_timeout 200ms) after 1 of at least 100 bytes";
    assert_eq!((answer.status, answer.text()), (408, words));
    assert_eq!(server.handle.counts().limits_exceeded, 1);
}

#[tokio::test]
async fn a_packet_above_a_limit_names_it() {
    let text = |text: &str| text.to_owned();
    let nested = format!(r#"42["echo",{}{}]"#, "[".repeat(200), "]".repeat(200));
    for (packet, attachment, words) in [
        (
            text(r#"4511-["echo"]"#),
            None,
            "packet of 11 attachments (packets.attachments 10)",
        ),
        (
            text(r#"451-["echo",{"_placeholder":true,"num":0}]"#),
            Some([0; 101]),
            "attachments of 101 bytes (packets.attachment_bytes 100)",
        ),
        (
            nested,
            None,
            "json nested to a depth of 129 or more (packets.depth 128)",
        ),
    ] {
        let server = server(|config| config.socket.packets.attachment_bytes = Some(100)).await;
        let heard = Heard::default();
        let _guard = heard.listen();
        let mut client = Client::connect(server.target(), Transport::WebSocket).await;
        match attachment {
            Some(bytes) => client.send_with(&packet, &[&bytes]).await,
            None => client.send(packet).await,
        }
        client.ended().await;
        logged(&server, &heard, |counts| counts.limits_exceeded, words).await;
        assert_eq!(server.handle.counts().protocol_errors, 0);
    }
}

#[tokio::test]
async fn a_room_too_many_or_with_too_long_a_name_says_so_to_who_asked() {
    let server = server(|config| {
        config.socket.rooms = 1;
        config.socket.room_name = 5;
    })
    .await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    for (packet, answer) in [
        (r#"420["join","a"]"#, "430[]"),
        (
            r#"421["join","b"]"#,
            r#"431[{"error":{"code":"room","message":"the socket would be in 2 rooms (rooms 1)"}}]"#,
        ),
        (
            r#"422["join","sixsix"]"#,
            r#"432[{"error":{"code":"room","message":"the name of the room has 6 bytes (room_name 5)"}}]"#,
        ),
    ] {
        client.send(packet).await;
        client.expect(answer).await;
    }
    client.close().await;
}

#[tokio::test]
async fn emits_with_ack_beyond_pending_acks_name_it() {
    let server = server(|config| config.socket.pending_acks = 2).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    client.send(r#"42100["ask",3]"#).await;
    for _ in 0..2 {
        let question = client.text().await;
        let id = question
            .trim_start_matches("42")
            .trim_end_matches(r#"["question"]"#);
        client.send(format!("43{id}[]")).await;
    }
    client
        .expect(r#"43100[{"error":{"code":"full","message":"2 emits with ack to the client are unanswered (pending_acks 2)"}}]"#)
        .await;
    client.close().await;
}

#[tokio::test]
async fn an_upgrade_that_takes_too_long_names_upgrade_timeout() {
    let limit = Duration::from_millis(200);
    let server = server(|config| config.engine.upgrade_timeout = limit).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let session = Polling::open(server.target()).await;
    let path = server.target().websocket_of(&session.open.sid);
    let _probe = RawWebSocket::open(server.target(), &path).await;
    let words = "it took longer than 200ms (upgrade_timeout 200ms)";
    logged(&server, &heard, |counts| counts.upgrades_failed, words).await;
}

#[tokio::test]
async fn a_probe_that_is_lost_or_says_something_else_is_in_the_log() {
    let server = server(|_| {}).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    for (packet, words) in [
        (None, "upgrade failed: its WebSocket was closed, or lost"),
        (
            Some("2other"),
            "upgrade failed: the client sent something else than `2probe`",
        ),
    ] {
        let session = Polling::open(server.target()).await;
        let path = server.target().websocket_of(&session.open.sid);
        let mut probe = RawWebSocket::open(server.target(), &path).await;
        match packet {
            Some(packet) => {
                probe.send(&Frame::text(packet)).await;
            }
            None => probe.reset(),
        }
        logged(&server, &heard, |counts| counts.upgrades_failed, words).await;
    }
    assert_eq!(server.handle.counts().upgrades_failed, 2);
}

#[tokio::test]
async fn a_poll_whose_client_hangs_up_is_counted() {
    let server = server(|_| {}).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut session = Polling::connect(server.target()).await;
    session.begin_get().await;
    session.abort_get().await;
    let words = "a request was dropped: its client hung up";
    logged(&server, &heard, |counts| counts.requests_dropped, words).await;
}

#[tokio::test]
async fn connect_timeout_is_named_with_its_value() {
    let limit = Duration::from_millis(200);
    let server = server(|config| config.socket.connect_timeout = limit).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut client = Client::open(server.target(), Transport::WebSocket).await;
    client.ended().await;
    let words = "no CONNECT in 200ms (connect_timeout)";
    logged(&server, &heard, |counts| counts.protocol_errors, words).await;
}
