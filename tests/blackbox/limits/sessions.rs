//! How many sessions there may be, and what a handshake beyond a limit is told.

use std::time::Duration;

use koio::Io;
use koio_tests::{Client, Http, Polling, RawWebSocket, Response, Running, Transport, http};

use crate::memory::Memory;
use crate::scene::Scene;

/// A header with which a request is served by hyper.
const LONG_WAY: (&str, &str) = ("Access-Control-Request-Method", "POST");

async fn handshake(server: &Running, headers: &[(&str, &str)]) -> Response {
    http::request(server.addr, "GET", &server.target().polling(), headers).await
}

/// A refusal that names the limit, what there is, and the limit's value.
#[track_caller]
fn assert_refused(response: &Response, message: &str) {
    assert_eq!(response.status, 503);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.text(), format!(r#"{{"message":"{message}"}}"#));
}

async fn scene(change: impl FnOnce(&mut koio::engine::EngineConfig)) -> Scene {
    Scene::alone(|io: Io| io.config(|config| change(&mut config.engine))).await
}

#[tokio::test]
async fn a_flood_of_handshakes_over_one_connection_opens_a_hundred_sessions_and_is_refused() {
    for headers in [&[][..], &[LONG_WAY]] {
        let scene = scene(|_| {}).await;
        let mut http = Http::connect(scene.server.addr).await;
        let mut request = format!("GET {} HTTP/1.1\r\nHost: a\r\n", scene.target().polling());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        // Less than what the kernel takes, so that it can be written before an answer is read.
        http.write(request.repeat(400)).await;
        let mut opened = 0;
        let refused = loop {
            let response = http.response().await.expect("an answer");
            if response.status != 200 {
                break response;
            }
            opened += 1;
        };
        // A few more if the machine is slow.
        assert!((100..130).contains(&opened), "{opened}");
        assert_refused(&refused, "handshakes_per_second reached: 100 of 100");
        assert_eq!(refused.header("connection"), Some("close"));
        http.ended().await;
        assert_eq!(scene.server.handle.counts().sessions_refused, 1);
        // Only that connection is at its limit.
        assert_eq!(handshake(&scene.server, headers).await.status, 200);
    }
}

#[tokio::test]
async fn sessions_without_a_socket_are_limited_until_they_connect() {
    let scene = scene(|config| config.max_unconnected = 2).await;
    let mut polling = Polling::open(scene.target()).await;
    let (_websocket, _) = RawWebSocket::session(scene.target()).await;
    for headers in [&[][..], &[LONG_WAY]] {
        let refused = handshake(&scene.server, headers).await;
        assert_refused(&refused, "max_unconnected reached: 2 of 2");
    }
    let path = scene.target().websocket();
    let (_, refused) = RawWebSocket::ask(scene.target(), &path, &RawWebSocket::HEADERS).await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.text(), "max_unconnected reached: 2 of 2");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(scene.server.handle.counts().sessions_refused, 3);
    polling.send("40").await;
    assert!(polling.get().await.text().starts_with("40{"));
    assert_eq!(handshake(&scene.server, &[]).await.status, 200);
    // Without its last socket the first is unconnected again.
    polling.send("41").await;
    let refused = handshake(&scene.server, &[]).await;
    assert_refused(&refused, "max_unconnected reached: 3 of 2");
}

#[tokio::test]
async fn sessions_without_a_socket_are_limited_for_each_address_if_asked() {
    let scene = scene(|config| config.max_unconnected_per_address = Some(1)).await;
    let mut client = Client::connect(scene.target(), Transport::WebSocket).await;
    assert_eq!(handshake(&scene.server, &[]).await.status, 200);
    let refused = handshake(&scene.server, &[]).await;
    assert_refused(&refused, "max_unconnected_per_address reached: 1 of 1");
    client.send(r#"421["echo",1]"#).await;
    client.expect("431[1]").await;
}

#[tokio::test]
async fn sessions_are_limited_in_total_if_asked() {
    let scene = scene(|config| config.max_sessions = Some(2)).await;
    let client = Client::connect(scene.target(), Transport::WebSocket).await;
    let _polling = Polling::open(scene.target()).await;
    let refused = handshake(&scene.server, &[]).await;
    assert_refused(&refused, "max_sessions reached: 2 of 2");
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    let given_up = std::time::Instant::now() + Duration::from_secs(10);
    while handshake(&scene.server, &[]).await.status != 200 {
        assert!(std::time::Instant::now() < given_up);
    }
}

#[tokio::test]
async fn a_handshake_that_another_limit_refuses_is_refused_by_that_one() {
    let scene = scene(|config| {
        config.max_sessions = Some(1);
        config.handshakes_per_second = 1;
    })
    .await;
    let _polling = Polling::open(scene.target()).await;
    for headers in [&[][..], &[LONG_WAY]] {
        let refused = handshake(&scene.server, headers).await;
        assert_refused(&refused, "max_sessions reached: 1 of 1");
    }
}

#[tokio::test]
async fn big_heads_of_sessions_without_a_socket_are_bounded_together() {
    let scene = scene(|config| config.max_unconnected_head_bytes = 256 * 1024).await;
    let cookie = "x".repeat(60_000);
    for way in [("X-Way", "short"), LONG_WAY] {
        let mut kept = Vec::new();
        let refused = loop {
            let response = handshake(&scene.server, &[("Cookie", &cookie), way]).await;
            if response.status != 200 {
                break response;
            }
            kept.push(response);
            assert!(kept.len() <= 4, "{} heads", kept.len());
        };
        assert!(
            refused
                .text()
                .contains("max_unconnected_head_bytes reached: 24"),
            "{}",
            refused.text()
        );
        // A short head has room.
        assert_eq!(handshake(&scene.server, &[]).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_client_does_not_answer_the_close_takes_no_place() {
    let io = Io::new().connect_timeout(Duration::from_millis(300));
    let memory = Memory::new(io.config(|config| config.engine.max_unconnected = 1));
    // It reads nothing any more, so the close frame is not answered.
    let silent = memory.open(Transport::WebSocket).await;
    let handshake = || memory.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    tokio::time::sleep(Duration::from_millis(290)).await;
    let (status, refused) = handshake().await;
    assert_eq!(status, 503);
    assert!(
        refused.contains("max_unconnected reached: 1 of 1"),
        "{refused}"
    );
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(handshake().await.0, 200);
    drop(silent);
}

#[tokio::test]
async fn abandoned_sessions_are_gone_when_their_time_to_connect_is_over() {
    let time = Duration::from_millis(300);
    let scene = Scene::alone(|io| {
        io.connect_timeout(time)
            .config(|config| config.engine.max_unconnected = 20)
    })
    .await;
    for _ in 0..20 {
        assert_eq!(handshake(&scene.server, &[]).await.status, 200);
    }
    let refused = handshake(&scene.server, &[]).await;
    assert_refused(&refused, "max_unconnected reached: 20 of 20");
    tokio::time::sleep(time + Duration::from_millis(100)).await;
    let given_up = std::time::Instant::now() + Duration::from_secs(3);
    while handshake(&scene.server, &[]).await.status != 200 {
        assert!(std::time::Instant::now() < given_up, "still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
