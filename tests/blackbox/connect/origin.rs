//! Pages of other sites.

use koio_tests::{Http, RawWebSocket, http};

use crate::scene::Scene;

async fn statuses(scene: &Scene, origins: &[&str]) -> (u16, u16) {
    let polling = scene.target().polling();
    let headers: Vec<_> = origins.iter().map(|origin| ("Origin", *origin)).collect();
    let over_http = http::request(scene.server.addr, "GET", &polling, &headers).await;
    assert_eq!(over_http.header("set-cookie"), None);
    assert_eq!(over_http.header("access-control-allow-origin"), None);
    if over_http.status != 200 {
        over_http.assert_refused(4, "Forbidden");
    }
    let mut headers = headers;
    headers.extend(RawWebSocket::HEADERS);
    let path = scene.target().websocket();
    let (_, response) = RawWebSocket::ask(scene.target(), &path, &headers).await;
    (over_http.status, response.expect("an answer").status)
}

#[tokio::test]
async fn other_origins_are_refused_on_polling_and_websocket_alike() {
    let scene = Scene::new().await;
    let port = scene.server.addr.port();
    let origins = [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://evil.example:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        format!("http://127.0.0.1:{port}@evil.example"),
        format!("http://x127.0.0.1:{port}"),
        String::new(),
    ];
    for origin in origins {
        let (polling, websocket) = statuses(&scene, &[&origin]).await;
        assert!(
            polling == 403 && matches!(websocket, 400 | 403),
            "{origin}: {polling}, {websocket}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn other_origins_are_refused_also_behind_the_right_one() {
    let scene = Scene::new().await;
    let ours = format!("http://{}", scene.server.addr);
    for origins in [
        [ours.as_str(), "http://evil.example"],
        ["http://evil.example", &ours],
    ] {
        let (polling, websocket) = statuses(&scene, &origins).await;
        assert_eq!((polling, matches!(websocket, 400 | 403)), (403, true));
    }
    scene.end().await;
}

#[tokio::test]
async fn the_page_of_the_same_host_is_let_in_and_so_is_no_page() {
    let scene = Scene::new().await;
    let ours = format!("http://{}", scene.server.addr);
    assert_eq!(statuses(&scene, &[&ours]).await, (200, 101));
    assert_eq!(statuses(&scene, &[]).await, (200, 101));
    // Starscream (Swift) writes the scheme of its own address.
    let ours = format!("ws://{}", scene.server.addr);
    assert_eq!(statuses(&scene, &[&ours]).await, (200, 101));
    scene.end().await;
}

#[tokio::test]
async fn origins_of_apps_and_devices_are_refused_until_they_are_allowed() {
    let origins = [
        "file://",
        "null",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "http://tauri.localhost",
    ];
    let scene = Scene::new().await;
    for origin in origins {
        let (polling, websocket) = statuses(&scene, &[origin]).await;
        assert!(
            polling == 403 && matches!(websocket, 400 | 403),
            "{origin}: {polling}, {websocket}"
        );
    }
    scene.end().await;
    let scene = Scene::with(|io| origins.iter().fold(io, |io, it| io.allow_origin(*it))).await;
    for origin in origins {
        let headers = [("Origin", origin)];
        let polling = scene.target().polling();
        let answer = http::request(scene.server.addr, "GET", &polling, &headers).await;
        assert_eq!(answer.status, 200, "{origin}");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_preflight_gets_no_permission() {
    let scene = Scene::new().await;
    let headers = [
        ("Origin", "http://evil.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Content-Length", "0"),
    ];
    let path = scene.target().polling();
    let response = http::request(scene.server.addr, "OPTIONS", &path, &headers).await;
    assert!(response.status >= 400, "{}", response.status);
    assert_eq!(response.header("access-control-allow-origin"), None);
    assert_eq!(response.header("access-control-allow-methods"), None);
    scene.end().await;
}

#[tokio::test]
async fn an_allowed_origin_is_named_in_each_answer_also_in_errors() {
    let origin = "https://app.example.com";
    let scene = Scene::with(|io| io.allow_origin(origin)).await;
    let target = scene.target();
    for path in [
        target.polling(),
        target.polling_of("unknown"),
        target.with("EIO=3&transport=polling"),
    ] {
        let response = http::request(scene.server.addr, "GET", &path, &[("Origin", origin)]).await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            Some(origin),
            "{path}"
        );
        let vary = response
            .header("vary")
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(vary.contains("origin"), "{vary}");
    }
    let preflight = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
    ];
    let response = http::request(scene.server.addr, "OPTIONS", &target.polling(), &preflight).await;
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some(origin));
    let evil = [("Origin", "https://evil.example.com")];
    let response = http::request(scene.server.addr, "GET", &target.polling(), &evil).await;
    response.assert_refused(4, "Forbidden");
    scene.end().await;
}

/// RFC 9112 section 3.2.2: what an absolute target names counts, and `Host` means nothing beside it.
#[tokio::test]
async fn the_host_of_an_absolute_target_is_the_pages() {
    let scene = Scene::new().await;
    let path = scene.target().polling();
    for (target, host, origin, expected) in [
        (
            "http://chat.example",
            "other.example",
            "http://chat.example",
            200,
        ),
        (
            "http://chat.example",
            "other.example",
            "http://other.example",
            403,
        ),
        (
            "http://chat.example:8080",
            "chat.example",
            "http://chat.example",
            403,
        ),
        ("", "chat.example", "http://chat.example", 200),
    ] {
        let mut http = Http::connect(scene.server.addr).await;
        let line = format!("GET {target}{path} HTTP/1.1");
        http.write(format!(
            "{line}\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n"
        ))
        .await;
        let answer = http.response().await.expect("an answer");
        assert_eq!(answer.status, expected, "{line}, {host}, {origin}");
    }
    scene.end().await;
}
