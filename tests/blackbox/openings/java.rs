//! Java, Kotlin and Android: socket.io-client 2.1, with engine.io-client 2.1 and OkHttp 3.12.12; newer OkHttp where a program
//! brings its own. Targets, bodies, headers and their order were read in their sources, the order of the query's parameters
//! follows from the hashes of their names.

use koio::CloseReason;
use koio_tests::Frame;

use super::{BYTES, Heads, Session, conversation, echo, end};
use crate::scene::Scene;

const POLLING: Heads = Heads {
    open: "\
GET /socket.io/?EIO=4&transport=polling HTTP/1.1
Accept: */*
Host: {host}
Connection: Keep-Alive
Accept-Encoding: gzip
User-Agent: okhttp/3.12.12

",
    poll: "\
GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1
Accept: */*
Host: {host}
Connection: Keep-Alive
Accept-Encoding: gzip
User-Agent: okhttp/3.12.12

",
    post: "\
POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1
Accept: */*
Content-Type: text/plain;charset=UTF-8
Content-Length: {length}
Host: {host}
Connection: Keep-Alive
Accept-Encoding: gzip
User-Agent: okhttp/3.12.12

",
};

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: {key}
Sec-WebSocket-Version: 13
Host: {host}
Accept-Encoding: gzip
User-Agent: okhttp/3.12.12

";

/// Close code 1000, which OkHttp writes at the end.
fn close() -> Frame {
    Frame::new(8, 1000_u16.to_be_bytes())
}

#[tokio::test]
async fn java_on_okhttp_polls_and_moves_to_its_websocket() {
    let scene = Scene::new().await;
    let mut session = Session::open(&scene, POLLING).await;
    session.connect(r#"40{"token":"t"}"#).await;
    session.echo(&[BYTES]).await;
    let mut socket = session.upgrade(UPGRADE).await;
    echo(&mut socket).await;
    socket.send(&Frame::text("41")).await;
    socket.send(&close()).await;
    assert_eq!(socket.ended().await, Some(1000));
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// With `transports = {"polling"}`: `41` and then `1`.
#[tokio::test]
async fn java_on_okhttp_polls_to_the_end() {
    let scene = Scene::new().await;
    let mut session = Session::open(&scene, POLLING).await;
    session.connect("40").await;
    session.echo(&[BYTES]).await;
    session.post("41").await;
    session.post("1").await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// With `transports = {"websocket"}`, and OkHttp 4, which offers compression. It is not taken.
#[tokio::test]
async fn java_on_a_newer_okhttp_offers_compression() {
    let scene = Scene::new().await;
    let head = "\
GET /socket.io/?EIO=4&transport=websocket HTTP/1.1
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: {key}
Sec-WebSocket-Version: 13
Sec-WebSocket-Extensions: permessage-deflate
Host: {host}
Accept-Encoding: gzip
User-Agent: okhttp/4.12.0

";
    let mut socket = conversation(&scene, head, "40").await;
    socket.send(&close()).await;
    assert_eq!(socket.ended().await, Some(1000));
    end(scene, CloseReason::TransportClose).await;
}
