//! Compressed messages of clients.

use std::time::Duration;

use koio::CloseReason;
use koio_tests::{Frame, serve, until};
use tokio::time::Instant;

use super::{BROWSER, Peer, compressed, io, mixed};
use crate::logs::Heard;
use crate::scene::Scene;

#[tokio::test]
async fn events_and_attachments_are_inflated_also_in_fragments() {
    let server = serve(io()).await;
    let mut peer = Peer::connect(server.target(), &[BROWSER]).await;
    let event = compressed(br#"451-1["file",{"_placeholder":true,"num":0}]"#);
    let attachment = compressed(&vec![7; 500_000]);
    assert!(attachment.len() < 5_000);
    peer.socket.send(&Frame::text(event).reserved(4)).await;
    let (head, tail) = attachment.split_at(attachment.len() / 2);
    peer.socket
        .send(&Frame::binary(head).reserved(4).unfinished())
        .await;
    peer.socket.send(&Frame::new(9, "?")).await;
    peer.socket.send(&Frame::new(0, tail)).await;
    let pong = peer.next().await.0;
    assert_eq!((pong.opcode, &pong.payload[..]), (10, &b"?"[..]));
    peer.expect_plain("431[500000]").await;
    // The next one, which is not compressed.
    peer.send(r#"422["echo",1]"#).await;
    peer.expect_plain("432[1]").await;
}

#[tokio::test]
async fn a_bomb_ends_its_own_session_and_says_both_numbers() {
    // Made first: meanwhile nothing else runs.
    let bomb = compressed(&vec![b'4'; 5_000_000]);
    let mut scene = Scene::with(|io| {
        io.per_message_deflate(koio::config::PerMessageDeflate::new())
            .max_payload(100_000)
    })
    .await;
    let heard = Heard::default();
    let _guard = heard.listen();
    let mut peer = Peer::connect(scene.target(), &[BROWSER]).await;
    let started = Instant::now();
    peer.socket.send(&Frame::text(&bomb).reserved(4)).await;
    let close = peer.next().await.0;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (close.opcode, &close.payload[..2]),
        (8, &1009_u16.to_be_bytes()[..])
    );
    let words = format!(
        "message of {} bytes that inflates to at least 100001 (max_payload 100000)",
        bomb.len()
    );
    assert_eq!(String::from_utf8_lossy(&close.payload[2..]), words);
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    let told = || scene.server.handle.counts().limits_exceeded == 1 && heard.says(&words).is_some();
    until("the bomb is told", told).await;
    scene.end().await;
}

#[tokio::test]
async fn many_bombs_of_the_limit_hold_up_nobody_else() {
    // Each inflates to as much as a message may have, in a thousandth of it.
    let most = compressed(format!(r#"42["echo","{}"]"#, "x".repeat(999_000)).as_bytes());
    let scene =
        Scene::with(|io| io.per_message_deflate(koio::config::PerMessageDeflate::new())).await;
    let mut peer = Peer::connect(scene.target(), &[BROWSER]).await;
    for _ in 0..20 {
        peer.socket.send(&Frame::text(&most).reserved(4)).await;
    }
    peer.send(r#"421["echo","behind them"]"#).await;
    peer.expect_plain(r#"431["behind them"]"#).await;
    scene.end().await;
}

#[tokio::test]
async fn what_is_no_message_ends_its_session() {
    for (frames, code) in [
        (vec![Frame::text([0xff; 9]).reserved(4)], 1007),
        (vec![Frame::text(compressed(b"4\xff")).reserved(4)], 1007),
        (vec![Frame::new(9, compressed(b"ping")).reserved(4)], 1002),
        (
            vec![
                Frame::text("4").unfinished(),
                Frame::new(0, compressed(b"2[]")).reserved(4),
            ],
            1002,
        ),
        (vec![Frame::text(compressed(b"40")).reserved(6)], 1002),
    ] {
        let mut scene =
            Scene::with(|io| io.per_message_deflate(koio::config::PerMessageDeflate::new())).await;
        let mut peer = Peer::connect(scene.target(), &[BROWSER]).await;
        for frame in &frames {
            peer.socket.send(frame).await;
        }
        assert_eq!(peer.socket.ended().await, Some(code), "{frames:?}");
        assert_eq!(scene.report().await.reason, CloseReason::TransportError);
        scene.end().await;
    }
}

#[tokio::test]
async fn a_first_message_right_behind_the_handshake_is_inflated() {
    let server = serve(io()).await;
    let mut peer = Peer::open(server.target(), &[BROWSER]).await;
    let auth = format!(r#"40{{"token":"{}"}}"#, mixed(50));
    peer.socket
        .send(&Frame::text(compressed(auth.as_bytes())).reserved(4))
        .await;
    assert!(peer.text().await.starts_with("40{"));
}
