//! Pings and pongs of Engine.IO.

use koio::CloseReason;
use koio_tests::{Client, client};

use crate::scene::{SHORT, Scene};

#[tokio::test]
async fn pongs_without_a_ping_are_harmless() {
    let scene = Scene::with(|io| io.ping_interval(SHORT)).await;
    for transport in client::BOTH {
        let mut client = Client::open(scene.target(), transport).await;
        client.join("40").await;
        for _ in 0..20 {
            client.send("3").await;
        }
        client.send(r#"421["echo"]"#).await;
        client.expect("431[]").await;
        client.close().await;
    }
    let mut scene = scene;
    for _ in client::BOTH {
        assert_eq!(scene.report().await.reason, CloseReason::TransportClose);
    }
    scene.end().await;
}
