//! WebSocket frames.

use std::time::Duration;

use koio::{Bytes, CloseReason, Context, Io};
use koio_tests::{Frame, PATIENCE, RawWebSocket, Target, serve};

use crate::scene::{SHORT, Scene};

async fn connected(target: Target) -> RawWebSocket {
    let (mut socket, _) = RawWebSocket::session(target).await;
    socket.send(&Frame::text("40")).await;
    let answer = socket.next().await.expect("an answer to CONNECT");
    assert!(answer.payload.starts_with(b"40{"));
    socket
}

/// Each case is sent over a connection of its own, which is then closed with this code.
async fn assert_closed(cases: &[&[Frame]], codes: &[u16], reason: CloseReason) {
    let mut scene = Scene::new().await;
    for frames in cases {
        let mut socket = connected(scene.target()).await;
        for frame in *frames {
            socket.send(frame).await;
        }
        let code = socket.ended().await;
        assert!(
            code.is_some_and(|code| codes.contains(&code)),
            "{code:?} for {frames:?}"
        );
        assert_eq!(scene.report().await.reason, reason, "{frames:?}");
    }
    scene.end().await;
}

#[tokio::test]
async fn frames_that_break_the_framing_are_answered_with_1002() {
    let text = || Frame::text("2probe");
    let cases: &[&[Frame]] = &[
        &[text().unmasked()],
        &[text().reserved(4)],
        &[text().reserved(2)],
        &[text().reserved(1)],
        &[Frame::new(9, "x").unfinished()],
        &[Frame::new(9, "x".repeat(126))],
        &[Frame::new(8, "x")],
        &[Frame::new(0, "x")],
        &[text().unfinished(), text()],
        &[text().unfinished(), Frame::binary("x")],
        &[Frame::new(3, "x")],
        &[Frame::new(7, "x")],
        &[Frame::new(11, "x")],
    ];
    assert_closed(cases, &[1002], CloseReason::TransportError).await;
}

#[tokio::test]
async fn frames_that_close_with_a_code_that_nobody_may_send_are_answered_with_1002() {
    let close = |code: u16| Frame::new(8, code.to_be_bytes());
    let mut scene = Scene::new().await;
    for code in [999, 1005, 1006] {
        let mut socket = connected(scene.target()).await;
        socket.send(&close(code)).await;
        assert_eq!(socket.ended().await, Some(1002), "{code}");
        // It has broken a rule and it has left: either is the reason.
        let reason = scene.report().await.reason;
        assert!(
            matches!(
                reason,
                CloseReason::TransportClose | CloseReason::TransportError
            ),
            "{reason}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn frames_whose_reserved_bits_are_set_at_once_are_answered_with_1002() {
    let scene = Scene::new().await;
    for bits in 1..8 {
        let path = scene.target().websocket();
        let mut socket = RawWebSocket::open(scene.target(), &path).await;
        socket.send(&Frame::text("40").reserved(bits)).await;
        assert_eq!(socket.ended().await, Some(1002));
    }
    scene.end().await;
}

#[tokio::test]
async fn frames_of_text_that_is_not_utf8_are_answered_with_1007() {
    let cases: &[&[Frame]] = &[
        &[Frame::text(b"4\xff")],
        &[Frame::text(b"4\xe2\x82")],
        &[Frame::text(b"4\xed\xa0\x80")],
        &[
            Frame::text(b"4\xe2").unfinished(),
            Frame::new(0, b"\x28\xac"),
        ],
    ];
    assert_closed(cases, &[1007], CloseReason::TransportError).await;
}

#[tokio::test]
async fn frames_whose_length_is_absurd_are_refused_before_anything_is_allocated() {
    let huge = |length| Frame::text("4").length64(length);
    let cases: &[&[Frame]] = &[
        &[huge(1 << 63)],
        &[huge((1 << 63) + 1)],
        &[huge(u64::MAX)],
        &[huge(1 << 40)],
    ];
    assert_closed(cases, &[1002, 1009], CloseReason::TransportError).await;
}

#[tokio::test]
async fn frames_above_the_limit_are_answered_with_1009() {
    let cases: &[&[Frame]] = &[
        &[Frame::text("4").length64(1_000_001)],
        &[Frame::text("4".repeat(1_000_001))],
        &[
            Frame::binary("4".repeat(600_000)).unfinished(),
            Frame::new(0, "4".repeat(600_000)),
        ],
    ];
    assert_closed(cases, &[1009], CloseReason::TransportError).await;
}

#[tokio::test]
async fn frames_that_never_end_are_answered_with_1008() {
    let mut scene = Scene::new().await;
    let mut socket = connected(scene.target()).await;
    socket.send(&Frame::text("4").unfinished()).await;
    for _ in 0..20_000 {
        if !socket.send(&Frame::new(0, "").unfinished()).await {
            break;
        }
    }
    assert_eq!(socket.ended().await, Some(1008));
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    scene.end().await;
}

#[tokio::test]
async fn frames_whose_bytes_never_come_are_cut_off() {
    // Nor does the client's close frame come: it would be taken for the message's bytes.
    let limits = |io: Io| {
        io.config(|config| {
            config.engine.message_timeout = SHORT;
            config.engine.close_timeout = SHORT;
        })
    };
    let mut scene = Scene::with(limits).await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        let mut socket = connected(scene.target()).await;
        socket.send(&Frame::binary("").length64(1_000_000)).await;
        sockets.push(socket);
    }
    for mut socket in sockets {
        socket.ended().await;
        assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    }
    scene.end().await;
}

#[tokio::test]
async fn frames_with_needlessly_long_lengths_are_one_thing_or_the_other() {
    let mut scene = Scene::new().await;
    let packet = r#"421["echo",1]"#;
    for frame in [
        Frame::text(packet).length16(packet.len() as u16),
        Frame::text(packet).length64(packet.len() as u64),
    ] {
        let mut socket = connected(scene.target()).await;
        socket.send(&frame).await;
        socket.expect("431[1]").await;
        socket.send(&Frame::new(8, 1000_u16.to_be_bytes())).await;
        socket.ended().await;
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn frames_that_come_byte_by_byte_are_put_together() {
    let mut scene = Scene::new().await;
    let mut socket = connected(scene.target()).await;
    let echo = Frame::text("421[\"echo\",\"h\u{e9}llo\"]").bytes();
    for byte in echo {
        socket.write([byte]).await;
    }
    socket.expect("431[\"h\u{e9}llo\"]").await;
    // In fragments, with a ping between them.
    let parts = [b"4".as_slice(), b"22[\"echo\",\"h\xc3", b"\xa9llo\"]"];
    socket.send(&Frame::text(parts[0]).unfinished()).await;
    socket.send(&Frame::new(0, parts[1]).unfinished()).await;
    socket.send(&Frame::new(9, "between")).await;
    socket.send(&Frame::new(0, parts[2])).await;
    let pong = socket.next().await.expect("a pong");
    assert_eq!(
        (pong.opcode, pong.payload.as_slice()),
        (10, &b"between"[..])
    );
    socket.expect("432[\"h\u{e9}llo\"]").await;
    drop(socket);
    scene.report().await;
    scene.end().await;
}

/// A handshake with a frame in the same segment. The answer to the handshake is read.
async fn upgraded_with(target: Target, frame: &Frame) -> RawWebSocket {
    let path = target.websocket();
    let mut http = koio_tests::Http::connect(target.addr).await;
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n");
    for (name, value) in RawWebSocket::HEADERS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend(frame.bytes());
    http.write(bytes).await;
    assert_eq!(http.response().await.expect("an answer").status, 101);
    RawWebSocket::upgraded(http)
}

#[tokio::test]
async fn frames_behind_the_upgrade_request_are_kept_in_their_order() {
    let mut scene = Scene::new().await;
    let mut socket = upgraded_with(scene.target(), &Frame::text("40")).await;
    assert!(
        socket
            .next()
            .await
            .expect("an open packet")
            .payload
            .starts_with(b"0{")
    );
    assert!(
        socket
            .next()
            .await
            .expect("an answer")
            .payload
            .starts_with(b"40{")
    );
    socket.send(&Frame::text("421[\"echo\",1]")).await;
    socket.expect("431[1]").await;
    drop(socket);
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn frames_that_break_the_framing_behind_the_upgrade_request_do_not_lose_the_101() {
    let scene = Scene::new().await;
    let mut socket = upgraded_with(scene.target(), &Frame::new(3, "x")).await;
    assert_eq!(socket.ended().await, Some(1002));
    scene.end().await;
}

#[tokio::test]
async fn frames_that_are_no_engine_packets_end_the_session() {
    let mut scene = Scene::new().await;
    for text in ["7", "abc", "", "b!!!!", "bAAA"] {
        let mut socket = connected(scene.target()).await;
        socket.send(&Frame::text(text)).await;
        socket.ended().await;
        assert_eq!(
            scene.report().await.reason,
            CloseReason::ParseError,
            "{text:?}"
        );
    }
    for text in ["2", "2probe"] {
        let mut socket = connected(scene.target()).await;
        socket.send(&Frame::text(text)).await;
        socket.ended().await;
        assert_eq!(
            scene.report().await.reason,
            CloseReason::TransportError,
            "{text:?}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn frames_behind_a_close_frame_are_dropped() {
    let mut scene = Scene::new().await;
    let mut socket = connected(scene.target()).await;
    let close = Frame::new(8, 1000_u16.to_be_bytes()).bytes();
    let more = Frame::text(r#"42["bounce",1]"#).bytes();
    socket.write([close, more].concat()).await;
    assert_eq!(socket.ended().await, Some(1000));
    assert_eq!(scene.report().await.reason, CloseReason::TransportClose);
    scene.end().await;
}

#[tokio::test]
async fn a_close_that_the_client_never_answers_ends_the_connection_all_the_same() {
    let scene = Scene::with(|io| io.config(|config| config.engine.close_timeout = SHORT)).await;
    let mut socket = connected(scene.target()).await;
    socket.send(&Frame::text("4abc")).await;
    let ended = tokio::time::timeout(PATIENCE / 2, socket.abandoned()).await;
    assert!(ended.is_ok());
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_reset_inside_a_frame_ends_the_session() {
    let mut scene = Scene::new().await;
    for length in [1, 5, 9] {
        let mut socket = connected(scene.target()).await;
        let frame = Frame::text(r#"42["echo",1]"#).bytes();
        socket.write(&frame[..length]).await;
        socket.reset();
        let reason = scene.report().await.reason;
        assert!(
            matches!(
                reason,
                CloseReason::TransportClose | CloseReason::TransportError
            ),
            "{reason}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn pings_of_a_client_that_does_not_read_are_bounded() {
    let scene = Scene::new().await;
    let mut socket = connected(scene.target()).await;
    let pings = Frame::new(9, "x".repeat(125)).bytes().repeat(100);
    let flood = async {
        for _ in 0..2000 {
            if !socket.write(&pings).await {
                break;
            }
        }
    };
    // It is either cut off or no longer read; nobody else notices (the canaries), and nothing
    // grows without bound.
    tokio::time::timeout(SHORT * 5, flood).await.ok();
    drop(socket);
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_ping_beside_a_big_emit_is_not_answered_inside_its_frame() {
    let io = Io::new().on("go", |ctx: Context| async move {
        let size: usize = ctx.args()?.next()?;
        ctx.broadcast("big", Bytes::from(vec![7; size]))
    });
    let server = serve(io).await;
    let mut emitter = connected(server.target()).await;
    // The system takes some megabytes of an event at once. For one of these sizes it leaves a part that is small enough for
    // the session to read on, and so to answer the ping that came in the same moment.
    for size in (1..20).map(|part| part * 500_000) {
        let mut socket = connected(server.target()).await;
        let go = Frame::text(format!(r#"42["go",{size}]"#));
        emitter.send(&go).await;
        socket.send(&Frame::new(9, "?")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut frames = Vec::new();
        while frames.len() < 3 {
            frames.push(socket.next().await.expect("a frame"));
        }
        // The pong may come before the event or behind it.
        frames.sort_by_key(|frame| std::cmp::Reverse(frame.opcode));
        assert_eq!(frames[0].payload, b"?");
        assert!(frames[1].payload == vec![7; size], "{size} bytes");
        assert!(frames[2].payload.starts_with(b"451-[\"big\""));
    }
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_its_announced_length() {
    let mut scene = Scene::with(|io| io.max_payload(10_000)).await;
    let mut socket = connected(scene.target()).await;
    socket.send(&Frame::text("").length64(10_001)).await;
    assert_eq!(socket.ended().await, Some(1009));
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    scene.end().await;
}
