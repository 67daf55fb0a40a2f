//! Plain requests take a short way past hyper. Nobody can tell which way a request has taken.

use koio_tests::polling::Open;
use koio_tests::{Http, PATIENCE, Polling, Response};

use crate::scene::{SHORT, Scene};

/// A header that means nothing to a GET or POST, and with which a request is not plain.
const LONG_WAY: (&str, &str) = ("Access-Control-Request-Method", "POST");
const PAGE: &str = "http://page.example";

/// Connections may wait for their first request, and for their next, as long as for a head.
fn idle_for_a_short_time(config: &mut koio::config::Config) {
    config.header_timeout = SHORT;
    config.keep_alive_timeout = SHORT;
}

/// What can be compared of an answer: the status, the headers by name, and the body.
fn seen(response: &Response) -> (u16, Vec<(String, String)>, String) {
    let mut headers = response.headers.clone();
    for (name, value) in &mut headers {
        if name == "date" {
            assert!(value.len() == 29 && value.ends_with(" GMT"), "{value}");
            value.clear();
        }
    }
    headers.sort();
    (response.status, headers, response.text().to_owned())
}

/// Sends one request, its body with it.
async fn ask(http: &mut Http, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        bytes.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    http.write(format!("{bytes}\r\n{body}")).await;
}

/// What a session is answered whose requests all have these headers.
async fn conversation(
    scene: &Scene,
    headers: &[(&str, &str)],
) -> Vec<(u16, Vec<(String, String)>, String)> {
    let mut http = Http::connect(scene.server.addr).await;
    ask(&mut http, "GET", &scene.target().polling(), headers, "").await;
    let opened = http.response().await.expect("a handshake");
    let sid = Open::read(opened.text()).sid;
    let path = scene.target().polling_of(&sid);
    let mut all = vec![seen(&opened)];
    for (method, body) in [
        ("POST", "40"),
        ("GET", ""),
        ("POST", r#"421["echo","hi"]"#),
        ("GET", ""),
        ("POST", "41\u{1e}?"),
        ("GET", ""),
    ] {
        ask(&mut http, method, &path, headers, body).await;
        all.push(seen(&http.response().await.expect("an answer")));
    }
    let socket = |text: &str| {
        text.split_once("\"sid\":\"")
            .map(|(_, id)| id[..20].to_owned())
    };
    for (_, _, text) in &mut all {
        *text = text.replace(&sid, "SID");
        if let (true, Some(id)) = (text.starts_with("40"), socket(text)) {
            *text = text.replace(&id, "ID");
        }
    }
    all
}

#[tokio::test]
async fn koio_and_hyper_answer_alike() {
    let mut scene = Scene::with(|io| io.allow_origin(PAGE)).await;
    for origin in [None, Some(("Origin", PAGE))] {
        let short: Vec<_> = origin.into_iter().collect();
        let mut long = short.clone();
        long.push(LONG_WAY);
        let answers = conversation(&scene, &short).await;
        assert_eq!(answers, conversation(&scene, &long).await);
        let allowed = answers.iter().filter(|(_, headers, _)| {
            let name = "access-control-allow-origin";
            headers
                .iter()
                .any(|header| *header == (name.into(), PAGE.into()))
        });
        let expected = if origin.is_some() { answers.len() } else { 0 };
        assert_eq!(allowed.count(), expected);
        for _ in 0..2 {
            scene.report().await;
        }
    }
    scene.end().await;
}

#[tokio::test]
async fn a_repeated_request_head_is_for_the_session_that_it_names() {
    let mut scene = Scene::with(|io| io.allow_origin(PAGE)).await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut session = Polling::open(scene.target()).await;
        session.send("40").await;
        session.get().await;
        sessions.push(session);
    }
    let (mut polls, mut posts) = (
        Http::connect(scene.server.addr).await,
        Http::connect(scene.server.addr).await,
    );
    let page = [("Origin", PAGE)];
    for round in 0..24 {
        // Each gets some in a row, and browsers add a time.
        let path = sessions[round / 4 % 2].path();
        let time = "x".repeat(round / 8);
        let path = format!("{path}&t={time}");
        let body = format!(r#"421["echo",{}]"#, 10_usize.pow(round as u32 % 3));
        ask(&mut polls, "GET", &path, &page, "").await;
        ask(&mut posts, "POST", &path, &page, &body).await;
        let (taken, polled) = (posts.response().await, polls.response().await);
        let (taken, polled) = (taken.expect("an answer"), polled.expect("an answer"));
        assert_eq!(taken.text(), "ok");
        assert_eq!(polled.text(), body.replace(r#"421["echo","#, "431["));
        for answer in [taken, polled] {
            assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        }
    }
    // Nothing is let through for having come behind what was good.
    let path = sessions[1].path();
    let unknown = path.replace(&path[path.len() - 4..], "0000");
    for wrong in [
        unknown,
        format!("{path}&sid=0"),
        path.replace("transport=polling", "transport=webs"),
    ] {
        for method in ["GET", "POST"] {
            let mut http = Http::connect(scene.server.addr).await;
            for _ in 0..3 {
                ask(&mut http, "POST", &path, &page, r#"421["echo",1]"#).await;
                assert_eq!(http.response().await.expect("an answer").status, 200);
                sessions[1].expect("431[1]").await;
            }
            ask(&mut http, method, &wrong, &page, "").await;
            assert_eq!(
                http.response().await.expect("an answer").status,
                400,
                "{wrong}"
            );
        }
    }
    for session in &mut sessions {
        session.send("1").await;
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_request_may_come_in_pieces() {
    let mut scene = Scene::new().await;
    let body = r#"421["echo","in pieces"]"#;
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    session.get().await;
    let path = session.path();
    let whole = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for cut in (1..whole.len()).step_by(7) {
        let mut http = Http::connect(scene.server.addr).await;
        http.write(&whole[..cut]).await;
        tokio::task::yield_now().await;
        http.write(&whole[cut..]).await;
        assert_eq!(http.response().await.expect("an answer").text(), "ok");
        session.expect(r#"431["in pieces"]"#).await;
        // Whichever way that one took, the connection is as good as before.
        http.write(&whole).await;
        assert_eq!(http.response().await.expect("an answer").text(), "ok");
        session.expect(r#"431["in pieces"]"#).await;
    }
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_big_answer_arrives_whole_although_it_is_read_late() {
    let mut scene = Scene::new().await;
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    session.get().await;
    session.begin_get().await;
    let text = "0123456789".repeat(90_000);
    // More than the system's buffers take at once, so the POST is answered while the poll's answer is on its way.
    session.send(format!(r#"421["echo","{text}"]"#)).await;
    session.send(r#"422["echo","behind it"]"#).await;
    let answer = session.polled().await;
    assert!(answer.text() == format!(r#"431["{text}"]"#));
    session.expect(r#"432["behind it"]"#).await;
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_connection_between_requests_is_closed_in_time_and_a_poll_is_not() {
    let mut scene = Scene::with(|io| io.config(idle_for_a_short_time)).await;
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    session.get().await;
    session.begin_get().await;
    let mut idle = Http::connect(scene.server.addr).await;
    idle.get(&scene.target().polling()).await;
    idle.ended().await;
    // That took as long as a request may: the poll has waited longer, and is answered.
    let path = session.path();
    koio_tests::http::post(scene.server.addr, &path, r#"421["echo",1]"#).await;
    assert_eq!(session.polled().await.text(), "431[1]");
    koio_tests::http::post(scene.server.addr, &path, "1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_shutdown_closes_connections_between_requests() {
    let mut scene = Scene::alone(|io| io).await;
    let mut http = Http::connect(scene.server.addr).await;
    let opened = http.get(&scene.target().polling()).await;
    let path = scene.target().polling_of(&Open::read(opened.text()).sid);
    http.post(&path, "40").await;
    assert_eq!(http.get(&path).await.header("connection"), None);
    assert_eq!(http.post(&path, "1").await.text(), "ok");
    scene.report().await;
    let drained = scene.server.handle.shutdown(PATIENCE).await;
    assert_eq!(drained.cut, 0);
    http.ended().await;
}

#[tokio::test]
async fn a_connection_is_closed_in_time_behind_an_answer_that_came_late() {
    let mut scene = Scene::with(|io| io.config(idle_for_a_short_time)).await;
    let mut session = Polling::open(scene.target()).await;
    let path = session.path();
    session.send("40").await;
    session.get().await;
    let mut poll = Http::connect(scene.server.addr).await;
    ask(&mut poll, "GET", &path, &[], "").await;
    // That takes as long as a request may. The poll is waited for, and not the client.
    let mut idle = Http::connect(scene.server.addr).await;
    idle.ended().await;
    koio_tests::http::post(scene.server.addr, &path, r#"421["echo",1]"#).await;
    assert_eq!(poll.response().await.expect("an answer").text(), "431[1]");
    poll.ended().await;
    koio_tests::http::post(scene.server.addr, &path, "1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_each_request_gets_its_own_answer() {
    let scene = Scene::alone(|io| io).await;
    let (addr, target) = (scene.server.addr, scene.target().polling());
    let clients = (0..16).map(|_| {
        let target = target.clone();
        tokio::spawn(async move {
            let mut poll = Http::connect(addr).await;
            let mut post = Http::connect(addr).await;
            let opened = poll.get(&target).await;
            let path = format!("{target}&sid={}", Open::read(opened.text()).sid);
            post.post(&path, "40").await;
            assert!(poll.get(&path).await.text().starts_with("40"));
            for id in 0..200 {
                let body = format!(r#"42{id}["echo",{id}]"#);
                let (taken, answer) = tokio::join!(post.post(&path, &body), poll.get(&path));
                assert_eq!(taken.text(), "ok");
                assert_eq!(answer.text(), format!("43{id}[{id}]"));
            }
            // The poll may come before or behind what it is to fetch.
            assert_eq!(post.post(&path, r#"42999["echo",2]"#).await.text(), "ok");
            assert_eq!(poll.get(&path).await.text(), "43999[2]");
            assert_eq!(post.post(&path, "1").await.text(), "ok");
        })
    });
    for client in clients.collect::<Vec<_>>() {
        koio_tests::within("all answers", client)
            .await
            .expect("a client");
    }
    scene.server.handle.shutdown(PATIENCE).await;
}
