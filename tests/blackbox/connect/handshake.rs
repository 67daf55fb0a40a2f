//! Engine.IO handshakes that are refused.

use koio::Io;
use koio_tests::{Http, Polling, RawWebSocket, Response, Transport, WebSocket, http};

use crate::memory::Memory;
use crate::scene::{SHORT, Scene};

async fn assert_refused(queries: &[&str], code: u8, message: &str) {
    let scene = Scene::new().await;
    for query in queries {
        let path = scene.target().with(query);
        http::get(scene.server.addr, &path)
            .await
            .assert_refused(code, message);
        // Over WebSocket just so, before any 101.
        assert_eq!(
            WebSocket::try_open(scene.target(), &path).await.err(),
            Some(400),
            "{query}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn a_handshake_without_a_query_is_refused() {
    let scene = Scene::new().await;
    for path in ["/socket.io/", "/socket.io/?"] {
        http::get(scene.server.addr, path)
            .await
            .assert_refused(0, "Transport unknown");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_handshake_with_an_unknown_transport_is_refused() {
    let queries = [
        "EIO=4&transport=foo",
        "EIO=4&transport=constructor",
        "EIO=4&transport=__proto__",
        "EIO=4&transport=",
        "EIO=4&transport=webtransport",
        "EIO=4&transport=Polling",
        "EIO=4",
    ];
    assert_refused(&queries, 0, "Transport unknown").await;
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_switched_off_is_unknown_and_not_offered() {
    let unknown = (
        400,
        r#"{"code":0,"message":"Transport unknown"}"#.to_owned(),
    );
    let path = |transport| format!("/socket.io/?EIO=4&transport={transport}");
    let memory = Memory::new(Io::new().config(|config| config.engine.websocket = false));
    let (status, open) = memory.request("GET", &path("polling"), "").await;
    assert_eq!(status, 200);
    assert!(open.contains(r#""upgrades":[]"#), "{open}");
    assert_eq!(memory.request("GET", &path("websocket"), "").await, unknown);
    assert_eq!(memory.websocket(1 << 16).await.err(), Some(400));

    let memory = Memory::new(Io::new().config(|config| config.engine.polling = false));
    assert_eq!(memory.request("GET", &path("polling"), "").await, unknown);
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.join_as("40").await;
}

#[tokio::test]
async fn a_handshake_with_another_protocol_version_is_refused() {
    for version in [
        "", "EIO=&", "EIO=3&", "EIO=5&", "EIO=abc&", "EIO=44&", "EIO=4.0&", "EIO=+4&",
    ] {
        let scene = Scene::new().await;
        let path = scene.target().with(&format!("{version}transport=polling"));
        let response = http::get(scene.server.addr, &path).await;
        response.assert_refused(5, "Unsupported protocol version");
        let path = scene
            .target()
            .with(&format!("{version}transport=websocket"));
        assert_eq!(
            WebSocket::try_open(scene.target(), &path).await.err(),
            Some(400)
        );
        scene.end().await;
    }
}

#[tokio::test]
async fn a_handshake_with_a_repeated_parameter_is_refused() {
    for (query, parameter) in [
        ("EIO=4&EIO=3&transport=polling", "EIO"),
        ("EIO=4&transport=polling&transport=websocket", "transport"),
        ("EIO=4&transport=websocket&sid=a&sid=b", "sid"),
        ("EIO=4&transport=polling&sid=a&sid=b", "sid"),
    ] {
        let message = format!("Bad request: two values of {parameter}");
        assert_refused(&[query], 3, &message).await;
    }
}

#[tokio::test]
async fn a_handshake_for_websocket_without_an_upgrade_is_refused() {
    let scene = Scene::new().await;
    let response = http::get(scene.server.addr, &scene.target().websocket()).await;
    response.assert_refused(3, "Bad request");
    scene.end().await;
}

#[tokio::test]
async fn a_request_with_an_unknown_session_id_is_refused() {
    let scene = Scene::new().await;
    let long = "x".repeat(4000);
    let ids = [
        "constructor",
        "__proto__",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "%00",
        &long,
    ];
    for id in ids {
        let path = scene.target().polling_of(id);
        http::get(scene.server.addr, &path)
            .await
            .assert_refused(1, "Session ID unknown");
        http::post(scene.server.addr, &path, "40")
            .await
            .assert_refused(1, "Session ID unknown");
        let path = scene.target().websocket_of(id);
        assert_eq!(
            WebSocket::try_open(scene.target(), &path).await.err(),
            Some(400)
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn a_handshake_with_another_method_is_refused() {
    let scene = Scene::new().await;
    let target = scene.target();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"] {
        let length = [("Content-Length", "0"), ("Connection", "close")];
        let mut http = Http::connect(scene.server.addr).await;
        http.head(method, &target.polling(), &length).await;
        if method == "HEAD" {
            // Its answer has a length and no body.
            http.ended().await;
            continue;
        }
        let response = http.response().await.expect("an answer");
        response.assert_refused(2, "Bad handshake method");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_method_that_is_no_poll_and_no_post_leaves_the_session_alone() {
    let scene = Scene::new().await;
    let mut session = Polling::open(scene.target()).await;
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"] {
        let length = [("Content-Length", "0")];
        let response = http::request(scene.server.addr, method, &session.path(), &length).await;
        assert_eq!(response.status, 405, "{method}");
    }
    session.send("40").await;
    assert!(session.get().await.text().starts_with("40{"));
    session.send("1").await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn polling_a_websocket_session_is_refused_and_the_session_goes_on() {
    let scene = Scene::new().await;
    let (mut socket, open) = WebSocket::session(scene.target()).await;
    let path = scene.target().polling_of(&open.sid);
    http::get(scene.server.addr, &path)
        .await
        .assert_refused(3, "Bad request");
    http::post(scene.server.addr, &path, "1")
        .await
        .assert_refused(3, "Bad request");
    let path = scene.target().websocket_of(&open.sid);
    if let Ok(mut second) = WebSocket::try_open(scene.target(), &path).await {
        second.ended().await;
    }
    socket.send("40").await;
    assert!(socket.text().await.starts_with("40{"));
    socket.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_handshake_for_jsonp_is_refused_and_a_parameter_of_that_name_is_not_reflected() {
    let scene = Scene::new().await;
    let path = scene.target().with("EIO=4&transport=polling&j=1&b64=1");
    let response = http::get(scene.server.addr, &path).await;
    response.assert_refused(3, "Bad request");
    for name in ["1", "alert(1)"] {
        let path = format!("{}&j={name}", scene.target().polling());
        let response = http::get(scene.server.addr, &path).await;
        assert_eq!(response.status, 200);
        assert!(response.text().starts_with(r#"0{"sid":""#));
        let content = response.header("content-type").expect("a type");
        assert!(content.starts_with("text/plain"), "{content}");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_parameter_twice_is_taken_with_one_value_and_named_with_two() {
    let scene = Scene::new().await;
    for query in [
        "EIO=4&transport=polling&EIO=4",
        "EIO=4&transport=polling&sid=",
        "sid=&EIO=4&transport=polling&transport=polling",
    ] {
        let response = http::get(scene.server.addr, &scene.target().with(query)).await;
        assert_eq!(response.status, 200, "{query}");
    }
    for (query, name) in [
        ("EIO=4&transport=polling&EIO=3", "EIO"),
        ("EIO=4&transport=polling&transport=websocket", "transport"),
        ("EIO=4&transport=polling&sid=a&sid=b", "sid"),
    ] {
        let response = http::get(scene.server.addr, &scene.target().with(query)).await;
        response.assert_refused(3, &format!("Bad request: two values of {name}"));
    }
    scene.end().await;
}

#[tokio::test]
async fn a_cookie_has_no_authority_over_a_session() {
    let scene = Scene::new().await;
    let victim = Polling::open(scene.target()).await;
    let cookie = format!("io={}", victim.open.sid);
    let path = scene.target().polling();
    let response = http::request(scene.server.addr, "GET", &path, &[("Cookie", &cookie)]).await;
    assert_eq!(response.status, 200);
    assert!(!response.text().contains(&victim.open.sid));
    scene.end().await;
}

#[tokio::test]
async fn a_handshake_sets_no_cookie_and_forbids_caching() {
    let scene = Scene::new().await;
    let response = http::get(scene.server.addr, &scene.target().polling()).await;
    assert_eq!(response.header("set-cookie"), None);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_eq!(response.header("access-control-allow-origin"), None);
    scene.end().await;
}

#[tokio::test]
async fn sessions_that_are_opened_and_never_used_all_go_away() {
    let scene = Scene::with(|io| io.ping_interval(SHORT).ping_timeout(SHORT)).await;
    let mut sessions = Vec::new();
    for _ in 0..200 {
        sessions.push(Polling::open(scene.target()).await);
    }
    // The last of them is gone after an interval and a timeout. As much again, because a machine under load is late, and to
    // ask a session that is still there would be a poll.
    tokio::time::sleep(SHORT * 4).await;
    for session in sessions {
        session.assert_gone().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_websocket_handshake_with_a_bad_key_version_or_upgrade_is_refused() {
    let scene = Scene::new().await;
    let without = |left_out: &str, more: &[(&'static str, &'static str)]| {
        let kept = RawWebSocket::HEADERS
            .into_iter()
            .filter(|(name, _)| *name != left_out);
        kept.chain(more.iter().copied()).collect::<Vec<_>>()
    };
    let key = "Sec-WebSocket-Key";
    let cases = [
        without(key, &[]),
        without(key, &[(key, "AAAAAAAAAAAAAAAAAAAA")]),
        without(key, &[(key, "not base64, not at all!!")]),
        without("Sec-WebSocket-Version", &[]),
        without("Sec-WebSocket-Version", &[("Sec-WebSocket-Version", "12")]),
        without("Upgrade", &[]),
        without("Upgrade", &[("Upgrade", "h2c")]),
        without("Connection", &[]),
        without("Connection", &[("Connection", "keep-alive")]),
    ];
    for headers in cases {
        let path = scene.target().websocket();
        let (_, response) = RawWebSocket::ask(scene.target(), &path, &headers).await;
        let status = response.as_ref().map(|response| response.status);
        assert!(
            matches!(status, Some(400 | 426)),
            "{headers:?}: {response:?}"
        );
    }
    let path = scene.target().websocket();
    let headers = RawWebSocket::HEADERS;
    let response = http::request(scene.server.addr, "POST", &path, &headers).await;
    assert!(matches!(response.status, 400 | 405), "{response:?}");
    scene.end().await;
}

#[tokio::test]
async fn a_websocket_handshake_with_strange_subprotocols_is_harmless() {
    let scene = Scene::new().await;
    let spaces = format!("a{}b", " ".repeat(30_000));
    for protocols in ["a, a", "a,,b", "\"quoted\"", &spaces, "über"] {
        let mut headers = RawWebSocket::HEADERS.to_vec();
        headers.push(("Sec-WebSocket-Protocol", protocols));
        let path = scene.target().websocket();
        let (_, response) = RawWebSocket::ask(scene.target(), &path, &headers).await;
        let status = response.map(|response: Response| response.status);
        assert!(matches!(status, Some(101 | 400 | 431)), "{status:?}");
    }
    scene.end().await;
}

#[tokio::test]
async fn garbage_behind_the_upgrade_request_ends_only_its_own_connection() {
    let scene = Scene::new().await;
    for garbage in ["\r\n\r\nhello", "\u{0}\u{0}\u{0}", "GET / HTTP/1.1\r\n\r\n"] {
        let mut head = format!("GET {} HTTP/1.1\r\nHost: x\r\n", scene.target().websocket());
        for (name, value) in RawWebSocket::HEADERS {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut http = Http::connect(scene.server.addr).await;
        http.write(format!("{head}\r\n{garbage}")).await;
        if let Some(response) = http.response().await
            && response.status == 101
        {
            RawWebSocket::upgraded(http).ended().await;
        }
    }
    scene.end().await;
}

#[tokio::test]
async fn the_first_subprotocol_that_is_offered_is_chosen() {
    let scene = Scene::new().await;
    let mut headers = RawWebSocket::HEADERS.to_vec();
    headers.push(("Sec-WebSocket-Protocol", "one, two"));
    let path = scene.target().websocket();
    let (_, response) = RawWebSocket::ask(scene.target(), &path, &headers).await;
    let response = response.expect("an answer");
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-protocol"), Some("one"));
    scene.end().await;
}
