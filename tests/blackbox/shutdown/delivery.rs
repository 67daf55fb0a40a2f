//! What clients over the network see of a shutdown.

use koio::CloseReason;
use koio_tests::{Client, Transport, WebSocket, serve};

use crate::scene::Scene;

#[tokio::test]
async fn a_shutdown_delivers_queued_events_and_closes_every_connection() {
    let mut scene = Scene::alone(|io| io).await;
    let mut polling = scene.polling().await;
    let (mut socket, _) = WebSocket::session(scene.target()).await;
    socket.send("40").await;
    socket.text().await;
    let handle = scene.server.handle.clone();
    handle.broadcast("last", 1).expect("an emit");
    let shutdown = tokio::spawn(async move { handle.shutdown(koio_tests::PATIENCE).await });
    socket.expect(r#"42["last",1]"#).await;
    assert_eq!(socket.ended().await, Some(1001));
    // First what was queued, then the end. No `41`: who is put out on purpose does not come back.
    polling.expect(r#"42["last",1]"#).await;
    // No `1` either, behind which python-socketio stays away.
    polling.expect("6").await;
    for _ in 0..2 {
        assert_eq!(scene.report().await.reason, CloseReason::ServerShuttingDown);
    }
    shutdown.await.expect("a shutdown");
    scene.server.ended().await.expect("an orderly end");
}

#[tokio::test]
async fn a_server_that_has_shut_down_refuses_connections() {
    let server = serve(koio::Io::new().handlers(koio::handlers![crate::scene::echo])).await;
    let target = server.target();
    let mut client = Client::connect(target, Transport::WebSocket).await;
    let handle = server.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(koio_tests::PATIENCE).await });
    client.ended().await;
    shutdown.await.expect("a shutdown");
    server.ended().await.expect("an orderly end");
    assert!(tokio::net::TcpStream::connect(target.addr).await.is_err());
}
