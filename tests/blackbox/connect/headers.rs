//! What the program adds to the answers to handshakes, and which pages it lets in itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use koio::Io;
use koio::config::SessionCookie;
use koio_tests::polling::Open;
use koio_tests::{Http, RawWebSocket, Response, http};

use crate::scene::Scene;

const PAGE: &str = "https://a.preview.example";

async fn get(scene: &Scene, path: &str, headers: &[(&str, &str)]) -> Response {
    http::request(scene.server.addr, "GET", path, headers).await
}

fn with_headers(io: Io) -> Io {
    io.initial_headers(|parts, headers| {
        let query = parts.uri.query().unwrap_or_default();
        let transport = query.rsplit('=').next().unwrap_or_default();
        headers.insert("x-transport", transport.parse().expect("a value"));
        headers.append("set-cookie", "seen=1; Path=/".parse().expect("a value"));
        headers.insert("cache-control", "private".parse().expect("a value"));
        // These are koio's.
        for (name, value) in [
            ("content-length", "1"),
            ("content-type", "text/html"),
            ("connection", "close"),
            ("upgrade", "h2c"),
            ("sec-websocket-accept", "x"),
        ] {
            headers.insert(name, value.parse().expect("a value"));
        }
    })
    .cookie("io")
}

fn all<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let all = response.headers.iter();
    let all = all.filter(|(found, _)| found == name);
    all.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn the_answer_to_a_handshake_has_the_programs_headers_and_cookies() {
    let mut scene = Scene::with(with_headers).await;
    let mut http = Http::connect(scene.server.addr).await;
    let opened = http.get(&scene.target().polling()).await;
    assert_eq!(opened.status, 200);
    let sid = Open::read(opened.text()).sid;
    assert_eq!(all(&opened, "x-transport"), ["polling"]);
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(all(&opened, "set-cookie"), [&cookie, "seen=1; Path=/"]);
    assert_eq!(all(&opened, "cache-control"), ["private"]);
    assert_eq!(all(&opened, "content-type"), ["text/plain; charset=UTF-8"]);
    assert_eq!(all(&opened, "connection"), [""; 0]);
    // Only the first answer of a session has them.
    let path = scene.target().polling_of(&sid);
    let taken = http.post(&path, "40").await;
    let polled = http.get(&path).await;
    assert!(polled.text().starts_with("40{"));
    for answer in [taken, polled] {
        assert_eq!(all(&answer, "x-transport"), [""; 0]);
        assert_eq!(all(&answer, "set-cookie"), [""; 0]);
    }
    http.post(&path, "1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn the_101_of_a_new_session_has_the_programs_headers_and_no_cookie_with_its_id() {
    let scene = Scene::with(with_headers).await;
    let path = scene.target().websocket();
    let (socket, answer) = RawWebSocket::ask(scene.target(), &path, &RawWebSocket::HEADERS).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 101);
    assert_eq!(all(&answer, "x-transport"), ["websocket"]);
    assert_eq!(all(&answer, "set-cookie"), ["seen=1; Path=/"]);
    assert_eq!(all(&answer, "connection"), ["Upgrade"]);
    assert_eq!(all(&answer, "upgrade"), ["websocket"]);
    assert_eq!(all(&answer, "sec-websocket-accept").len(), 1);
    drop(socket);
    // A session that has its answer gets no other.
    let opened = get(&scene, &scene.target().polling(), &[]).await;
    let sid = Open::read(opened.text()).sid;
    let path = scene.target().websocket_of(&sid);
    let (_, answer) = RawWebSocket::ask(scene.target(), &path, &RawWebSocket::HEADERS).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 101);
    assert_eq!(all(&answer, "x-transport"), [""; 0]);
    scene.end().await;
}

#[tokio::test]
async fn a_refused_handshake_has_none_of_them() {
    let scene = Scene::with(with_headers).await;
    let path = scene.target().with("EIO=3&transport=polling");
    let answer = get(&scene, &path, &[]).await;
    assert_eq!(answer.status, 400);
    assert_eq!(all(&answer, "x-transport"), [""; 0]);
    assert_eq!(all(&answer, "set-cookie"), [""; 0]);
    scene.end().await;
}

#[tokio::test]
async fn a_cookie_may_have_attributes_of_ones_own_and_must_be_one() {
    let cookie = || SessionCookie::new("sticky").attributes("Path=/; Secure; SameSite=None");
    let scene = Scene::with(|io| io.cookie(cookie())).await;
    let opened = get(&scene, &scene.target().polling(), &[]).await;
    let sid = Open::read(opened.text()).sid;
    let expected = format!("sticky={sid}; Path=/; Secure; SameSite=None");
    assert_eq!(all(&opened, "set-cookie"), [expected]);
    scene.end().await;
    let wrong = Io::new().cookie("a b");
    let error = wrong.bind("127.0.0.1:0").await.expect_err("a mistake");
    let error = error.to_string();
    assert!(
        error.contains("a b") && error.contains("headers.rs:"),
        "{error}"
    );
}

#[tokio::test]
async fn the_program_may_judge_origins_by_the_head_of_the_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let scene = Scene::with(|io| {
        io.allow_origin_if(move |origin, parts| {
            count.fetch_add(1, Ordering::SeqCst);
            let is_preview = origin.ends_with(".preview.example");
            is_preview && !parts.headers.contains_key("x-forbidden")
        })
    })
    .await;
    let path = scene.target().polling();
    for (headers, expected) in [
        (&[("Origin", PAGE)][..], 200),
        (&[("Origin", "https://preview.example.evil")], 403),
        (&[("Origin", PAGE), ("X-Forbidden", "1")], 403),
        (&[("Origin", PAGE), ("Origin", PAGE)], 403),
    ] {
        let answer = get(&scene, &path, headers).await;
        assert_eq!(answer.status, expected, "{headers:?}");
        let allowed = (expected == 200).then_some(PAGE);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
    let preflight = [("Origin", PAGE), ("Access-Control-Request-Method", "POST")];
    let answer = http::request(scene.server.addr, "OPTIONS", &path, &preflight).await;
    assert_eq!(answer.status, 204);
    let mut headers = vec![("Origin", PAGE)];
    headers.extend(RawWebSocket::HEADERS);
    let (_, answer) =
        RawWebSocket::ask(scene.target(), &scene.target().websocket(), &headers).await;
    assert_eq!(answer.expect("an answer").status, 101);
    // Whom koio lets in itself, it does not ask for.
    let before = asked.load(Ordering::SeqCst);
    let ours = format!("http://{}", scene.server.addr);
    assert_eq!(get(&scene, &path, &[("Origin", &ours)]).await.status, 200);
    assert_eq!(get(&scene, &path, &[]).await.status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), before);
    scene.end().await;
}

#[tokio::test]
async fn origins_may_be_checked_without_cors_headers() {
    let scene = Scene::with(|io| io.allow_origin(PAGE).cors_headers(false)).await;
    let path = scene.target().polling();
    let long_way = ("Access-Control-Request-Method", "POST");
    for headers in [&[("Origin", PAGE)][..], &[("Origin", PAGE), long_way]] {
        let answer = get(&scene, &path, headers).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("vary"), None);
    }
    let foreign = [("Origin", "https://evil.example")];
    assert_eq!(get(&scene, &path, &foreign).await.status, 403);
    scene.end().await;
}
