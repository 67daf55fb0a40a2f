//! C++ on ESP32 and ESP8266: arduinoWebSockets 2.x, `SocketIOclient`, read in its source: a poll for the session, the upgrade
//! on the same connection, `Origin: file://` in both, the port always in `Host`, `5` without a probe, and CONNECT without a
//! wait for anything.

use koio::CloseReason;
use koio_tests::polling::Open;
use koio_tests::{Frame, Http, RawWebSocket};

use super::{ask, echo, end};
use crate::scene::Scene;

const POLL: &str = "\
GET /socket.io/?EIO=4&transport=polling HTTP/1.1
Host: {host}
Connection: keep-alive
Origin: file://
User-Agent: arduino-WebSocket-Client

";

const UPGRADE: &str = "\
GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1
Host: {host}
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: {key}
Sec-WebSocket-Protocol: arduino
Origin: file://
User-Agent: arduino-WebSocket-Client

";

#[tokio::test]
async fn arduino_on_esp32_moves_to_its_websocket_without_a_probe() {
    let scene = Scene::with(|io| io.allow_origin("file://")).await;
    let mut http = Http::connect(scene.server.addr).await;
    let answer = ask(&mut http, &scene, POLL, "").await;
    assert_eq!(answer.status, 200);
    let sid = Open::read(answer.text()).sid;
    assert_eq!(ask(&mut http, &scene, UPGRADE, &sid).await.status, 101);
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
    assert_eq!(ask(&mut http, &scene, POLL, "").await.status, 403);
    scene.end().await;
}
