//! Volatile events on the wire.
//!
//! On one node only: each is emitted to a `Socket`, which is of this node. `volatile` runs on two.

use koio_tests::{Client, Polling, Transport};

use crate::scene::Scene;

#[tokio::test]
async fn a_volatile_event_reaches_a_waiting_poll_and_is_counted_as_dropped_without_one() {
    let mut scene = Scene::new().await;
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    let answer = session.get().await;
    let (_, id) = answer.text().split_once(r#""sid":""#).expect("a sid");
    let id = id.trim_end_matches(['"', '}']).parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    let before = scene.server.handle.counts().volatile_dropped;
    socket.volatile().emit("news", "unheard").expect("an emit");
    assert_eq!(scene.server.handle.counts().volatile_dropped, before + 1);

    session.begin_get().await;
    let mut polled = Box::pin(session.polled());
    // Until the poll has arrived nobody is listening: each one that is dropped is counted.
    let heard = loop {
        socket.volatile().emit("news", "heard").expect("an emit");
        tokio::select! {
            biased;
            answer = &mut polled => break answer,
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
        }
    };
    drop(polled);
    assert_eq!(heard.text(), r#"42["news","heard"]"#);
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_volatile_event_reaches_an_idle_websocket_with_all_its_attachments() {
    let mut scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await.parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    client.send(r#"421["echo"]"#).await;
    client.expect("431[]").await;
    let bytes = koio::Bytes::from(vec![1, 2, 3]);
    socket.volatile().emit("news", bytes).expect("an emit");
    client
        .expect(r#"451-["news",{"_placeholder":true,"num":0}]"#)
        .await;
    client.expect_binary(&[1, 2, 3]).await;
    client.close().await;
    scene.report().await;
    scene.end().await;
}
