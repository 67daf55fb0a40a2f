//! What ends a connection or its session below Socket.IO says why: heads, frames, packets.

use std::time::Duration;

use koio::Io;
use koio::observe::Counts;
use koio_tests::{
    Client, Frame, Http, Polling, RawWebSocket, Running, Transport, http, serve, until,
};

use crate::logs::Heard;

/// Waits until that many are counted, and one line of the log says all of these words.
async fn told(
    server: &Running,
    heard: &Heard,
    (count, expected): (fn(&Counts) -> u64, u64),
    words: &[&str],
) {
    let says = || {
        let lines = heard.lines();
        let mut lines = lines.iter();
        lines.any(|(_, line)| words.iter().all(|word| line.contains(word)))
    };
    let is_told = || count(&server.handle.counts()) == expected && says();
    until(&format!("{expected} of {words:?}"), is_told).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_with_its_longest_header_and_counted() {
    let server = serve(Io::new()).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let refused: fn(&Counts) -> u64 = |counts| counts.requests_refused;
    for (count, cookie) in [(1, 66_000), (2, 200_000)] {
        let mut http = Http::connect(server.addr).await;
        let head = format!(
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
            "x".repeat(cookie)
        );
        // The server may have hung up before it has all.
        http.try_write(head).await;
        let words: &[&str] = match cookie {
            66_000 => &[
                "request refused: the head has 66",
                "may have 65536",
                "`cookie`, of 66000 bytes",
                "status=431",
                "path=\"/socket.io/\"",
            ],
            _ => &[
                "more than 65536 bytes, or more than 100 headers",
                "status=431",
            ],
        };
        told(&server, &heard, (refused, count), words).await;
    }
    let mut http = Http::connect(server.addr).await;
    http.write("no HTTP at all\r\n\r\n").await;
    let words = ["this is no HTTP/1.1", "status=400"];
    told(&server, &heard, (refused, 3), &words).await;
}

#[tokio::test]
async fn a_connection_without_a_request_in_time_names_its_deadline() {
    let limit = Duration::from_millis(200);
    let io = Io::new().config(|config| {
        config.header_timeout = limit;
        config.keep_alive_timeout = limit * 2;
    });
    let server = serve(io).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let timeouts: fn(&Counts) -> u64 = |counts| counts.header_timeouts;
    let cases = [
        (1, "", "no request came in 2", "(header_timeout 200ms)"),
        (
            2,
            "GET /sock",
            "no whole head of a request came in 2",
            "(header_timeout 200ms)",
        ),
        (
            2,
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
            "no further request came in 4",
            "(keep_alive_timeout 400ms)",
        ),
    ];
    for (count, bytes, what, limit) in cases {
        let mut http = Http::connect(server.addr).await;
        http.write(bytes).await;
        told(
            &server,
            &heard,
            (timeouts, count),
            &[what, limit, "peer=127.0.0.1"],
        )
        .await;
        drop(http);
    }
}

#[tokio::test]
async fn broken_frames_and_packets_are_protocol_errors_in_the_log_and_the_counts() {
    let server = serve(Io::new()).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let errors: fn(&Counts) -> u64 = |counts| counts.protocol_errors;
    let cases = [
        (
            Frame::text("4").unmasked(),
            "broken WebSocket: frame without a mask",
        ),
        (
            Frame::text("4").reserved(4),
            "broken WebSocket: reserved bit",
        ),
        (
            Frame::text("x"),
            "undecodable Engine.IO packet: unknown packet type at byte 0",
        ),
        (Frame::text("2"), "the client sent a ping"),
    ];
    for (count, (frame, words)) in (1..).zip(cases) {
        let (mut socket, _) = RawWebSocket::session(server.target()).await;
        socket.send(&frame).await;
        told(&server, &heard, (errors, count), &["protocol error", words]).await;
    }
    // On a WebSocket to which a session was to move.
    let session = Polling::open(server.target()).await;
    let path = server.target().websocket_of(&session.open.sid);
    let mut probe = RawWebSocket::open(server.target(), &path).await;
    probe.send(&Frame::text("2probe").unmasked()).await;
    told(&server, &heard, (errors, 5), &["frame without a mask"]).await;
    // Over polling.
    let session = Polling::open(server.target()).await;
    let answer = http::post(server.addr, &session.path(), "x").await;
    assert_eq!(answer.status, 400);
    told(
        &server,
        &heard,
        (errors, 6),
        &["undecodable Engine.IO packet"],
    )
    .await;
}

#[tokio::test]
async fn two_gets_of_one_session_at_once_are_a_protocol_error() {
    let server = serve(Io::new()).await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut session = Polling::connect(server.target()).await;
    session.begin_get().await;
    let mut second = Http::connect(server.addr).await;
    second.send_get(&session.path()).await;
    let errors: fn(&Counts) -> u64 = |counts| counts.protocol_errors;
    let words = ["a second GET came while one waited"];
    told(&server, &heard, (errors, 1), &words).await;
}

#[tokio::test]
async fn a_packet_above_a_limit_puts_the_limit_and_both_numbers_into_the_close_frame() {
    let nested = format!(r#"42["echo",{}{}]"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        (
            r#"4511-["echo"]"#.to_owned(),
            "packet of 11 attachments (packets.attachments 10)",
        ),
        (
            nested,
            "json nested to a depth of 129 or more (packets.depth 128)",
        ),
    ];
    for (packet, words) in cases {
        let server = serve(Io::new()).await;
        let (mut socket, _) = RawWebSocket::session(server.target()).await;
        socket.send(&Frame::text("40")).await;
        socket.send(&Frame::text(packet)).await;
        let close = loop {
            let frame = socket.next().await.expect("a close frame");
            if frame.opcode == 8 {
                break frame.payload;
            }
        };
        assert_eq!(close[..2], 1008_u16.to_be_bytes());
        assert_eq!(String::from_utf8_lossy(&close[2..]), words);
    }
    let limit = Duration::from_millis(100);
    let server = serve(Io::new().connect_timeout(limit)).await;
    let (mut socket, _) = RawWebSocket::session(server.target()).await;
    let close = socket.next().await.expect("a close frame");
    let words = String::from_utf8_lossy(&close.payload[2..]).into_owned();
    assert_eq!(words, "no CONNECT in 100ms (connect_timeout)");
}

#[tokio::test]
async fn a_post_that_stalls_is_one_limit_exceeded() {
    for _ in 0..5 {
        let pause = Duration::from_millis(200);
        let server = serve(Io::new().config(|config| config.engine.message_timeout = pause)).await;
        let session = Polling::connect(server.target()).await;
        let mut http = Http::connect(server.addr).await;
        http.head("POST", &session.path(), &[("Content-Length", "100")])
            .await;
        http.write("4").await;
        let answer = http.response().await.expect("an answer");
        assert_eq!(answer.status, 408);
        session.assert_gone().await;
        assert_eq!(server.handle.counts().limits_exceeded, 1);
    }
    // A packet whose attachment does not come is judged by its session.
    let pause = Duration::from_millis(200);
    let server = serve(Io::new().config(|config| config.engine.message_timeout = pause)).await;
    let mut client = Client::connect(server.target(), Transport::Polling).await;
    client
        .send(r#"451-["echo",{"_placeholder":true,"num":0}]"#)
        .await;
    client.ended().await;
    assert_eq!(server.handle.counts().limits_exceeded, 1);
}
