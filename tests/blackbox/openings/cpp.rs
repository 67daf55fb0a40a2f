//! C++: socket.io-client-cpp 3, which has no transport but WebSocket. Its target was read in its source. The headers are those
//! of WebSocket++ 0.8, which keeps them sorted by name, and were not.

use koio::CloseReason;
use koio_tests::Frame;

use super::{conversation, end};
use crate::scene::Scene;

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&transport=websocket&t=1764470000 HTTP/1.1
Connection: Upgrade
Host: {host}
Sec-WebSocket-Key: {key}
Sec-WebSocket-Version: 13
Upgrade: websocket
User-Agent: WebSocket++/0.8.2

";

#[tokio::test]
async fn cpp_opens_a_websocket_and_says_why_it_closes_it() {
    let scene = Scene::new().await;
    let mut socket = conversation(&scene, UPGRADE, "40").await;
    socket.send(&Frame::text("41")).await;
    let why = [&1000_u16.to_be_bytes()[..], b"End by user"].concat();
    socket.send(&Frame::new(8, why)).await;
    assert_eq!(socket.ended().await, Some(1000));
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}
