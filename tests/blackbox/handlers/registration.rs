//! Which handler an event finds.

use koio_tests::{Received, Transport};

use crate::scene::Scene;

#[tokio::test]
async fn the_handlers_of_a_namespace_serve_each_socket_from_its_first_event() {
    // Nothing is registered for a connection that could come too late.
    let scene = Scene::new().await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(scene.client(Transport::WebSocket).await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!(r#"42{number}["echo",{number}]"#)).await;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(
            client.next().await,
            Received::Text(format!("43{number}[{number}]"))
        );
    }
    let count = clients.len();
    drop(clients);
    let mut scene = scene;
    for _ in 0..count {
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn the_wildcard_handler_takes_events_that_no_other_handler_takes() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    // `*` sees what nothing else takes, and middleware sees everything (suites of the router).
    client.send(r#"421["anything at all"]"#).await;
    client.expect(r#"431["anything at all"]"#).await;
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}
