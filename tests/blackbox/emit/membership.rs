//! Who is in a room, as clients over the network see it.

use koio_tests::{Client, Transport};

use super::nodes::Scene;

#[tokio::test]
async fn a_socket_in_two_of_the_rooms_gets_an_event_once() {
    let (scene, io) = Scene::with_handle().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await;
    let here = &scene.server.handle;
    let socket = here.socket(id.parse().expect("an id")).expect("a socket");
    for room in ["a", "b", "c"] {
        socket.join(room).expect("a room");
    }
    io.to("a")
        .to("b")
        .to("c")
        .to(id.as_str())
        .emit("once", 1)
        .expect("an emit");
    assert_eq!(
        io.to("a")
            .to("b")
            .fetch_sockets()
            .await
            .expect("every node")
            .len(),
        1
    );
    client.expect(r#"42["once",1]"#).await;
    client.send(r#"421["echo"]"#).await;
    client.expect("431[]").await;
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_socket_that_has_left_joins_no_room_and_gets_nothing() {
    let (mut scene, io) = Scene::with_handle().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await.parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    socket.join("room").expect("a room");
    client.send("41").await;
    scene.report().await;
    assert!(socket.join("room").is_err_and(|error| error.is_closed()));
    assert!(socket.emit("late", 1).is_err_and(|error| error.is_closed()));
    let room = io.to("room").fetch_sockets().await;
    assert!(room.expect("every node").is_empty());
    // `one_node` has the same without `local`.
    assert!(
        scene
            .server
            .handle
            .to(id)
            .local()
            .emit("late", 1)
            .is_err_and(|error| error.is_closed())
    );
    client.close().await;
    scene.end().await;
}

#[tokio::test]
async fn a_room_that_was_joined_in_a_refusing_middleware_is_empty() {
    let (scene, io) = Scene::with_handle().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    client.send("40/joins-and-refuses,").await;
    assert!(client.text().await.starts_with("44/joins-and-refuses,"));
    let io = io.of("/joins-and-refuses");
    assert!(
        io.to("room")
            .fetch_sockets()
            .await
            .expect("every node")
            .is_empty()
    );
    assert!(io.fetch_sockets().await.expect("every node").is_empty());
    client.close().await;
    scene.end().await;
}
