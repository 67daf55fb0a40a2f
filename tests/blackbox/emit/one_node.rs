//! What a server that is alone says of an emit.
//!
//! On one node only: whether another node has a socket is not known here, so in a cluster an emit to an id that this node
//! does not have is no error. A node that has not started has joined no cluster; `cluster` has one that will.

use koio::{Io, SocketId};
use koio_tests::{Client, Transport};

use crate::memory::Memory;
use crate::record::{self, Record};
use crate::scene::Scene;

#[tokio::test(start_paused = true)]
async fn a_handle_may_emit_before_the_start() {
    let record = Record::default();
    let io = Io::new().state(record.clone()).handlers(record::all());
    let handle = io.handle();
    handle.broadcast("news", ()).expect("nobody to fail for");
    handle
        .of("/chat")
        .to("room")
        .emit("news", ())
        .expect("nobody");
    handle.volatile().emit("news", ()).expect("nobody");
    let id = SocketId::parse(&format!("_{}", "A".repeat(19))).expect("an id");
    assert!(
        handle
            .to(id)
            .emit("news", ())
            .is_err_and(|error| error.is_closed())
    );
    let asked = handle.to(id).emit_with_ack::<()>("news", ()).await;
    assert!(asked.is_err_and(|error| error.is_closed()));
    assert!(handle.fetch_sockets().await.expect("every node").is_empty());
    assert!(handle.socket(id).is_none());
    assert!(
        handle.broadcast("disconnect", ()).is_err(),
        "a reserved name"
    );
    assert_eq!(handle.counts(), koio::observe::Counts::default());

    // The same handle, once the server has started.
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    handle.broadcast("news", ()).expect("an emit");
    peer.expect(r#"42["news"]"#).await;
}

#[tokio::test]
async fn an_emit_to_the_id_of_a_socket_that_has_left_is_closed() {
    let mut scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await.parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    socket.join("room").expect("a room");
    client.send("41").await;
    scene.report().await;
    assert!(
        scene
            .server
            .handle
            .to(id)
            .emit("late", 1)
            .is_err_and(|error| error.is_closed())
    );
    client.close().await;
    scene.end().await;
}
