//! A client that connects and reads no more, over a real connection.

use koio::CloseReason;
use koio_tests::{Frame, RawWebSocket};

use crate::scene::Scene;

/// A client that connects to `/` and reads no more, and its socket.
async fn stuck(scene: &Scene) -> (koio::Socket, RawWebSocket) {
    let (mut socket, _) = RawWebSocket::session(scene.target()).await;
    socket.send(&Frame::text("40")).await;
    let answer = socket.next().await.expect("an answer");
    let answer = String::from_utf8(answer.payload).expect("text");
    let (_, id) = answer.split_once(r#""sid":""#).expect("a sid");
    let id = id.trim_end_matches(['"', '}']).parse().expect("an id");
    let stuck = scene.server.handle.socket(id).expect("a socket");
    (stuck, socket)
}

#[tokio::test]
async fn a_client_that_does_not_read_is_ended_as_a_slow_consumer() {
    let mut scene = Scene::new().await;
    let (stuck, _socket) = stuck(&scene).await;
    stuck.join("noisy").expect("a room");
    let text = "x".repeat(10_000);
    while scene.server.handle.counts().slow_consumers == 0 {
        scene
            .server
            .handle
            .to("noisy")
            .emit("noise", &text)
            .expect("an emit");
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.report().await.reason, CloseReason::SlowConsumer);
    scene.end().await;
}

#[tokio::test]
async fn a_client_whose_queue_is_full_can_be_disconnected() {
    let mut scene = Scene::new().await;
    let (stuck, _socket) = stuck(&scene).await;
    let text = "x".repeat(10_000);
    let full = loop {
        match stuck.emit("noise", &text) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(full.is_full(), "{full:?}");
    stuck.disconnect();
    assert!(
        stuck
            .emit("noise", &text)
            .is_err_and(|error| error.is_closed())
    );
    assert_eq!(
        scene.report().await.reason,
        CloseReason::ServerNamespaceDisconnect
    );
    scene.end().await;
}
