//! How clients other than the JavaScript one open their connection, byte by byte, and a conversation behind it: connect, an
//! event with an answer, the end. Each comment says what was read in the client's public source, and what was not.

use koio::CloseReason;
use koio_tests::polling::Open;
use koio_tests::{Frame, Http, RawWebSocket, Response};

use crate::scene::{Report, Scene};

/// 16 bytes in base64.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Sends these bytes, with `{host}` as the server's address, and reads the answer.
async fn ask(http: &mut Http, scene: &Scene, head: &str) -> Response {
    let head = head.replace("{host}", &scene.server.addr.to_string());
    http.write(head).await;
    http.response().await.expect("an answer")
}

/// Opens a WebSocket with this head, and reads the handshake of its session.
async fn websocket(scene: &Scene, head: &str) -> RawWebSocket {
    let mut http = Http::connect(scene.server.addr).await;
    let answer = ask(&mut http, scene, head).await;
    assert_eq!(answer.status, 101, "{}", answer.text());
    let mut socket = RawWebSocket::upgraded(http);
    let open = socket.next().await.expect("a handshake");
    assert!(open.payload.starts_with(br#"0{"sid":""#));
    socket
}

async fn connect(socket: &mut RawWebSocket, packet: &str) {
    socket.send(&Frame::text(packet)).await;
    let answer = socket.next().await.expect("an answer to CONNECT");
    let answer = String::from_utf8(answer.payload).expect("text");
    assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
}

async fn echo(socket: &mut RawWebSocket) {
    socket
        .send(&Frame::text(r#"420["echo",{"count":1.0},"ü"]"#))
        .await;
    socket.expect(r#"430[{"count":1.0},"ü"]"#).await;
}

async fn end(mut scene: Scene, reason: CloseReason) {
    let Report { reason: given, .. } = scene.report().await;
    assert_eq!(given, reason);
    assert_eq!(scene.server.handle.counts().protocol_errors, 0);
    scene.end().await;
}

/// arduinoWebSockets 2.x, `SocketIOclient` (ESP32, ESP8266), read in its source: a poll for the session, the upgrade on the same connection,
/// `Origin: file://` in both, the port always in `Host`, `5` without a probe, and CONNECT without a wait for anything.
#[tokio::test]
async fn arduino_on_esp32_moves_to_its_websocket_without_a_probe() {
    let scene = Scene::with(|io| io.allow_origin("file://")).await;
    let mut http = Http::connect(scene.server.addr).await;
    let poll = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\
                Origin: file://\r\nUser-Agent: arduino-WebSocket-Client\r\n\r\n";
    let answer = ask(&mut http, &scene, poll).await;
    assert_eq!(answer.status, 200);
    let upgrade = format!(
        "GET /socket.io/?EIO=4&transport=websocket&sid={} HTTP/1.1\r\nHost: {{host}}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Protocol: arduino\r\nOrigin: file://\r\nUser-Agent: arduino-WebSocket-Client\r\n\r\n",
        Open::read(answer.text()).sid
    );
    assert_eq!(ask(&mut http, &scene, &upgrade).await.status, 101);
    let mut socket = RawWebSocket::upgraded(http);
    let segment = [Frame::text("5").bytes(), Frame::text("40").bytes()].concat();
    socket.write(segment).await;
    let answer = socket.next().await.expect("an answer to CONNECT");
    assert!(answer.payload.starts_with(br#"40{"sid":""#));
    echo(&mut socket).await;
    drop(socket);
    end(scene, CloseReason::TransportClose).await;
}

/// The same device without `allow_origin("file://")`: refused with the origin's reason.
#[tokio::test]
async fn arduino_on_esp32_is_refused_until_its_origin_is_allowed() {
    let scene = Scene::new().await;
    let mut http = Http::connect(scene.server.addr).await;
    let poll = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\
                Origin: file://\r\nUser-Agent: arduino-WebSocket-Client\r\n\r\n";
    assert_eq!(ask(&mut http, &scene, poll).await.status, 403);
    scene.end().await;
}

/// socket.io-client-swift with `forceWebsockets`, on Starscream 4, read in their sources: `transport` first in the query, `Origin`
/// with the scheme `ws` of its own address, compression offered, `1` at the end. The order of the headers was not read.
#[tokio::test]
async fn swift_on_starscream_names_its_own_address_as_origin() {
    let scene = Scene::new().await;
    let head = format!(
        "GET /socket.io/?transport=websocket&EIO=4 HTTP/1.1\r\nOrigin: ws://{{host}}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=15\r\n\
         Host: {{host}}\r\n\r\n"
    );
    let mut socket = websocket(&scene, &head).await;
    connect(&mut socket, r#"40/,{"token":"t"}"#).await;
    echo(&mut socket).await;
    socket.send(&Frame::text("41/,")).await;
    socket.send(&Frame::text("1")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// SocketIOClient for .NET and Unity, over WebSocket. Its target was read in its source; the headers, which are those of .NET's
/// own WebSocket, were not.
#[tokio::test]
async fn csharp_and_unity_open_a_websocket() {
    let scene = Scene::new().await;
    let head = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {{host}}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    let mut socket = websocket(&scene, &head).await;
    connect(&mut socket, "40").await;
    echo(&mut socket).await;
    socket.send(&Frame::text("41")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}

/// socket_io_client for Dart and Flutter. The timestamp `t` was read in its source; the headers, which are those of `dart:io`'s
/// own WebSocket, in lower case and with compression offered, were not.
#[tokio::test]
async fn dart_opens_a_websocket_with_names_in_lower_case() {
    let scene = Scene::new().await;
    let head = format!(
        "GET /socket.io/?EIO=4&transport=websocket&t=m1x2y3 HTTP/1.1\r\nuser-agent: Dart/3.5 (dart:io)\r\n\
         connection: Upgrade\r\ncache-control: no-cache\r\naccept-encoding: gzip\r\ncontent-length: 0\r\n\
         sec-websocket-version: 13\r\nhost: {{host}}\r\n\
         sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\
         sec-websocket-key: {KEY}\r\nupgrade: websocket\r\n\r\n"
    );
    let mut socket = websocket(&scene, &head).await;
    connect(&mut socket, "40").await;
    echo(&mut socket).await;
    socket.send(&Frame::text("41")).await;
    end(scene, CloseReason::ClientNamespaceDisconnect).await;
}
