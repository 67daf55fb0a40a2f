//! Swift: socket.io-client-swift 16 (its 16.1 was read) with `.version(.three)`, on Starscream 4. Targets, the type of a POST and the
//! order of packets were read in their sources. The headers of Starscream were read, their order was not; those of a poll are
//! `URLSession`'s own and were not.

use koio::CloseReason;
use koio_tests::Frame;

use super::{BYTES, Heads, Session, bounced, conversation, echo, end};
use crate::scene::Scene;

const POLLING: Heads = Heads {
    open: "\
GET /socket.io/?transport=polling&b64=1&EIO=4 HTTP/1.1
Host: {host}
Accept: */*
User-Agent: Chat/1 CFNetwork/1568.200.51 Darwin/24.1.0
Accept-Language: en-GB,en;q=0.9
Accept-Encoding: gzip, deflate
Connection: keep-alive

",
    poll: "\
GET /socket.io/?transport=polling&b64=1&EIO=4&sid={sid} HTTP/1.1
Host: {host}
Accept: */*
User-Agent: Chat/1 CFNetwork/1568.200.51 Darwin/24.1.0
Accept-Language: en-GB,en;q=0.9
Accept-Encoding: gzip, deflate
Connection: keep-alive

",
    post: "\
POST /socket.io/?transport=polling&b64=1&EIO=4&sid={sid} HTTP/1.1
Host: {host}
Content-Type: text/plain; charset=UTF-8
Accept: */*
User-Agent: Chat/1 CFNetwork/1568.200.51 Darwin/24.1.0
Content-Length: {length}
Accept-Language: en-GB,en;q=0.9
Accept-Encoding: gzip, deflate
Connection: keep-alive

",
};

const UPGRADE: &str = "\
GET /socket.io/?transport=websocket&EIO=4&sid={sid} HTTP/1.1
Origin: ws://{host}
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: {key}
Host: {host}

";

/// With `forceWebsockets` and `compress`: `Origin` with the scheme `ws` of its own address, compression offered, `1` at the end.
#[tokio::test]
async fn swift_on_starscream_names_its_own_address_as_origin() {
    let scene = Scene::new().await;
    let head = "\
GET /socket.io/?transport=websocket&EIO=4 HTTP/1.1
Origin: ws://{host}
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: {key}
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=15
Host: {host}

";
    let mut socket = conversation(&scene, head, r#"40/,{"token":"t"}"#).await;
    socket.send(&Frame::text("41/,")).await;
    socket.send(&Frame::text("1")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// With `forcePolling`. It asks for base64, as it does for any server.
#[tokio::test]
async fn swift_polls() {
    let scene = Scene::new().await;
    let mut session = Session::open(&scene, POLLING).await;
    session.connect(r#"40/,{"token":"t"}"#).await;
    session.echo(&[BYTES]).await;
    session.post("41/,").await;
    session.post("1").await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// What it would have posted when the probe was answered, it writes to the WebSocket as it is: its own NOOP, and bytes as base64
/// in a text frame.
#[tokio::test]
async fn swift_moves_to_its_websocket_with_what_it_would_have_posted() {
    let scene = Scene::new().await;
    let mut session = Session::open(&scene, POLLING).await;
    session.connect("40/,").await;
    let mut socket = session.upgrade(UPGRADE).await;
    socket.send(&Frame::text("6")).await;
    for packet in BYTES.split('\x1e') {
        socket.send(&Frame::text(packet)).await;
    }
    bounced(&mut socket).await;
    echo(&mut socket).await;
    socket.send(&Frame::text("41/,")).await;
    socket.send(&Frame::text("1")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}
