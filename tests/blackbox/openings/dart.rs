//! Dart and Flutter: socket_io_client 2 and 3. `EIO`, `transport` and the timestamp `t` were read in its source, and that it has
//! no transport but WebSocket outside of a browser, where its polling is the browser's own. The headers, which are those of
//! `dart:io`'s WebSocket, in lower case and with compression offered, were not read.

use koio::CloseReason;
use koio_tests::Frame;

use super::{conversation, end};
use crate::scene::Scene;

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&transport=websocket&t=m1x2y3 HTTP/1.1
user-agent: Dart/3.5 (dart:io)
connection: Upgrade
cache-control: no-cache
accept-encoding: gzip
content-length: 0
sec-websocket-version: 13
host: {host}
sec-websocket-extensions: permessage-deflate; client_max_window_bits
sec-websocket-key: {key}
upgrade: websocket

";

#[tokio::test]
async fn dart_opens_a_websocket_with_names_in_lower_case() {
    let scene = Scene::new().await;
    let mut socket = conversation(&scene, UPGRADE, "40").await;
    socket.send(&Frame::text("41")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}
