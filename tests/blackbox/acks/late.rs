//! Answers that come when nothing waits for them any more.

use koio::CloseReason;
use koio_tests::{Frame, RawWebSocket, Transport};

use crate::scene::Scene;

#[tokio::test]
async fn an_answer_after_the_timeout_is_dropped_and_counted() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    let before = scene.server.handle.counts().unexpected_acks;
    client.send(r#"421["ask",10]"#).await;
    let question = client.text().await;
    let id = question
        .trim_start_matches("42")
        .split('[')
        .next()
        .expect("an id")
        .to_owned();
    let answer = client.text().await;
    assert!(answer.starts_with(r#"431[{"error":{"code":"#), "{answer}");
    client.send(format!("43{id}[1]")).await;
    client.send(r#"422["echo"]"#).await;
    client.expect("432[]").await;
    assert_eq!(scene.server.handle.counts().unexpected_acks, before + 1);
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn an_ack_of_a_handler_that_outlives_its_socket_is_dropped() {
    let mut scene = Scene::new().await;
    let mut socket = RawWebSocket::session(scene.target()).await.0;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer");
    socket.send(&Frame::text(r#"421["wait",1]"#)).await;
    socket.send(&Frame::text("41")).await;
    socket.send(&Frame::text("40/custom,")).await;
    let answer = socket.next().await.expect("an answer");
    assert!(answer.payload.starts_with(b"40/custom,"));
    scene.gate.0.add_permits(1);
    assert_eq!(
        scene.report().await.reason,
        CloseReason::ClientNamespaceDisconnect
    );
    socket.send(&Frame::text(r#"42/custom,1["echo"]"#)).await;
    socket.expect("43/custom,1[]").await;
    drop(socket);
    scene.report().await;
    scene.end().await;
}
