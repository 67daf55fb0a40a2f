//! Go: zishang520/engine.io-client-go, under socket.io-client-go. Targets, whose parameters Go sorts, types and the order of
//! packets were read in its source. The other headers are net/http's, resty's and gorilla/websocket's, and were not; nor that
//! net/http sends a body of a length that it does not know in chunks.

use koio::CloseReason;
use koio_tests::Frame;

use super::{Heads, Session, echo, end};
use crate::scene::Scene;

const POLLING: Heads = Heads {
    open: "\
GET /socket.io/?EIO=4&t=ab3de5fg&transport=polling HTTP/1.1
Host: {host}
User-Agent: engine.io-go/1.0
Accept: */*
Accept-Encoding: br, zstd, gzip, deflate

",
    poll: "\
GET /socket.io/?EIO=4&sid={sid}&t=ab3de5fh&transport=polling HTTP/1.1
Host: {host}
User-Agent: engine.io-go/1.0
Accept: */*
Accept-Encoding: br, zstd, gzip, deflate

",
    post: "\
POST /socket.io/?EIO=4&sid={sid}&t=ab3de5fi&transport=polling HTTP/1.1
Host: {host}
User-Agent: engine.io-go/1.0
Transfer-Encoding: chunked
Accept: */*
Accept-Encoding: br, zstd, gzip, deflate
Content-Type: text/plain;charset=UTF-8

",
};

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&sid={sid}&t=ab3de5fj&transport=websocket HTTP/1.1
Host: {host}
User-Agent: Go-http-client/1.1
Connection: Upgrade
Sec-WebSocket-Key: {key}
Sec-WebSocket-Version: 13
Upgrade: websocket

";

/// A body of one chunk.
fn chunked(payload: &str) -> String {
    format!("{:x}\r\n{payload}\r\n0\r\n\r\n", payload.len())
}

#[tokio::test]
async fn go_posts_in_chunks_and_moves_to_its_websocket() {
    let scene = Scene::new().await;
    let mut session = Session::open(&scene, POLLING).await;
    session.connect(&chunked("40")).await;
    session.post(&chunked(r#"420["echo","ü"]"#)).await;
    assert_eq!(session.poll().await, r#"430["ü"]"#);
    let mut socket = session.upgrade(UPGRADE).await;
    echo(&mut socket).await;
    socket.send(&Frame::text("41")).await;
    drop(socket);
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}
