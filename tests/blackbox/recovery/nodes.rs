//! Recovery in a cluster: each node recovers its own clients.

use std::time::Duration;

use koio::SocketId;
use koio_tests::Transport;
use serde_json::json;

use super::client::{Client, recovering};
use crate::two_nodes::Memory;

#[tokio::test(start_paused = true)]
async fn emits_of_other_nodes_are_missed_and_come_on_the_own_node_alone() {
    let two = Memory::of(recovering);
    let [there, here] = &two.nodes;
    let settle = || tokio::time::sleep(Duration::from_millis(5));
    let mut client = Client::new(here, Transport::WebSocket).await;
    let id: SocketId = client.id.parse().expect("an id");
    there.io.broadcast("seen", 1).expect("no fault");
    client.expect(&[json!(["seen", 1])]).await;
    let kept = client.lose(here).await;
    there.io.broadcast("missed", 2).expect("no fault");
    there.io.to(id).emit("missed", 3).expect("no fault");
    settle().await;
    let mut back = Client::returning(here, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    back.expect(&[json!(["missed", 2]), json!(["missed", 3])])
        .await;

    let kept = back.lose(here).await;
    let mut other = Client::returning(there, Transport::WebSocket, kept).await;
    assert!(!other.recovered && other.id != id.as_str());
    here.io.broadcast("new", 4).expect("no fault");
    other.expect(&[json!(["new", 4])]).await;
}
