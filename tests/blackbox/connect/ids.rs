//! Ids that the program makes, and sessions that may not move.

use std::sync::atomic::{AtomicUsize, Ordering};

use koio::{Context, Io, cluster, handlers, on};
use koio_tests::polling::Open;
use koio_tests::{Polling, RawWebSocket, Response, Target, WebSocket, http, serve};
use tracing::Level;

use crate::logs::Heard;

async fn websocket(target: Target, path: &str) -> Response {
    let (_, answer) = RawWebSocket::ask(target, path, &RawWebSocket::HEADERS).await;
    answer.expect("an answer")
}

#[tokio::test]
async fn a_session_has_the_id_that_the_program_makes() {
    let io = Io::new().generate_id(|parts, random| {
        assert_eq!(random.len(), 32);
        let query = parts.uri.query().unwrap_or_default();
        let transport = query.rsplit('=').next().unwrap_or_default();
        format!("{transport:-<9}_{}", &random[10..])
    });
    let server = serve(io).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut session = Polling::open(server.target()).await;
        session.send("40").await;
        let path = session.path();
        assert!(session.get().await.text().starts_with("40{"));
        let (_, sid) = path.split_once("sid=").expect("an id");
        ids.push(sid.to_owned());
        let (mut socket, open) = WebSocket::session(server.target()).await;
        socket.send("40").await;
        assert!(socket.text().await.starts_with("40{"));
        ids.push(open.sid);
    }
    for (number, id) in ids.iter().enumerate() {
        let expected = ["polling--_", "websocket_"][number % 2];
        assert!(id.starts_with(expected) && id.len() == 32, "{id}");
        let same = ids.iter().filter(|other| *other == id);
        assert_eq!(same.count(), 1);
    }
}

#[tokio::test]
async fn an_id_that_is_none_or_anothers_refuses_the_handshake_and_the_log_says_why() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let io = Io::new().generate_id(|parts, random| match parts.uri.query() {
        Some(query) if query.contains("short") => "short".to_owned(),
        Some(query) if query.contains("like-a-socket") => {
            format!("_{}", &random[..19])
        }
        Some(query) if query.contains("long") => format!("{random}-"),
        Some(query) if query.contains("strange") => format!("\r\n{}", &random[2..]),
        Some(query) if query.contains("same") => "x".repeat(32),
        _ => random.to_owned(),
    });
    let server = serve(io).await;
    let target = server.target();
    let first = http::get(target.addr, &format!("{}&same", target.polling())).await;
    assert_eq!(Open::read(first.text()).sid, "x".repeat(32));
    for (name, why) in [
        ("short", "an id of 5 bytes"),
        ("long", "an id of 33 bytes"),
        ("like-a-socket", "an id of 20 bytes"),
        ("strange", "an id of 32 bytes"),
        ("same", "the id xxxx… of another session"),
    ] {
        let refused = http::get(target.addr, &format!("{}&{name}", target.polling())).await;
        refused.assert_refused(3, "Bad request");
        let refused = websocket(target, &format!("{}&{name}", target.websocket())).await;
        assert_eq!((refused.status, refused.text()), (400, "Bad request"));
        assert!(heard.says(why).is_some(), "{why}: {:?}", heard.lines());
    }
    let (level, line) = heard.says("`generate_id`").expect("a line");
    assert_eq!(level, Level::WARN, "{line}");
    // The first session is as it was, and its id is free again behind it.
    let path = target.polling_of(&"x".repeat(32));
    assert_eq!(http::post(target.addr, &path, "40").await.text(), "ok");
    http::get(target.addr, &path).await;
    assert_eq!(http::post(target.addr, &path, "1").await.text(), "ok");
    let again = http::get(target.addr, &format!("{}&same", target.polling())).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn of_handshakes_at_once_with_one_id_one_opens_a_session() {
    let io = Io::new().generate_id(|_, _| "y".repeat(32));
    let server = serve(io).await;
    let target = server.target();
    let opened = AtomicUsize::new(0);
    let (polling, over_websocket) = (target.polling(), target.websocket());
    let asking = (0..20).map(async |number| {
        let answer = match number % 2 {
            0 => http::get(target.addr, &polling).await,
            _ => websocket(target, &over_websocket).await,
        };
        match answer.status {
            200 | 101 => opened.fetch_add(1, Ordering::SeqCst),
            status => {
                assert_eq!(status, 400);
                0
            }
        }
    });
    futures_util::future::join_all(asking).await;
    // A WebSocket that was dropped behind its 101 may have made room for another.
    assert!(opened.load(Ordering::SeqCst) >= 1);
    assert!(server.handle.counts().requests_refused >= 1);
}

#[tokio::test]
async fn without_upgrades_none_is_offered_and_none_is_granted() {
    let io = || Io::new().allow_upgrades(false);
    let server = serve(io()).await;
    let target = server.target();
    let opened = http::get(target.addr, &target.polling()).await;
    assert!(
        opened.text().contains(r#""upgrades":[]"#),
        "{}",
        opened.text()
    );
    let sid = Open::read(opened.text()).sid;
    let long_way = [&RawWebSocket::HEADERS[..], &[("X-A", "1"), ("X-A", "2")]].concat();
    for headers in [&RawWebSocket::HEADERS[..], &long_way] {
        let path = target.websocket_of(&sid);
        let (_, refused) = RawWebSocket::ask(target, &path, headers).await;
        let refused = refused.expect("an answer");
        assert_eq!((refused.status, refused.text()), (400, "Bad request"));
    }
    // The session goes on, and a WebSocket may open another.
    let path = target.polling_of(&sid);
    assert_eq!(http::post(target.addr, &path, "40").await.text(), "ok");
    assert!(
        http::get(target.addr, &path)
            .await
            .text()
            .starts_with("40{")
    );
    assert_eq!(websocket(target, &target.websocket()).await.status, 101);
}

#[on("secure")]
async fn secure(ctx: Context) -> bool {
    ctx.handshake().is_secure()
}

#[tokio::test]
async fn what_a_trusted_proxy_says_tells_whether_the_client_asked_over_tls() {
    let io = |io: Io| io.handlers(handlers![secure]);
    let trusting = serve(io(Io::new().trust_proxies(["127.0.0.1"]))).await;
    let plain = serve(io(Io::new())).await;
    for (server, proto, expected) in [
        (&trusting, "https", true),
        (&trusting, "wss", true),
        (&trusting, "http", false),
        (&plain, "https", false),
    ] {
        for long_way in [false, true] {
            let mut headers = vec![("X-Forwarded-Proto", proto)];
            headers.extend(long_way.then_some(("Access-Control-Request-Method", "POST")));
            let target = server.target();
            let opened = http::request(target.addr, "GET", &target.polling(), &headers).await;
            let path = target.polling_of(&Open::read(opened.text()).sid);
            http::post(target.addr, &path, "40").await;
            http::get(target.addr, &path).await;
            http::post(target.addr, &path, r#"421["secure"]"#).await;
            let told = http::get(target.addr, &path).await;
            assert_eq!(told.text(), format!("431[{expected}]"), "{proto}");
        }
    }
}

#[tokio::test]
async fn another_node_learns_whether_the_client_of_a_socket_asked_over_tls() {
    for proto in ["https", "http"] {
        let broker = cluster::Memory::new();
        let node = || {
            let io = Io::new().trust_proxies(["127.0.0.1"]);
            serve(io.cluster(broker.clone()))
        };
        let (here, there) = (node().await, node().await);
        let headers = [("X-Forwarded-Proto", proto)];
        let path = there.target().polling();
        let opened = http::request(there.addr, "GET", &path, &headers).await;
        let path = there.target().polling_of(&Open::read(opened.text()).sid);
        assert_eq!(http::post(there.addr, &path, "40").await.text(), "ok");
        http::get(there.addr, &path).await;
        let fetched = here.handle.fetch_sockets().await.expect("both nodes");
        let [socket] = &fetched[..] else {
            panic!("{} sockets", fetched.len())
        };
        assert_eq!(socket.handshake().is_secure(), proto == "https");
    }
}

#[tokio::test]
async fn what_a_client_writes_into_the_target_does_not_tell_whether_it_asked_over_tls() {
    let server = serve(Io::new().handlers(handlers![secure])).await;
    let target = server.target();
    let absolute = format!("https://{}{}", target.addr, target.polling());
    let opened = http::get(target.addr, &absolute).await;
    assert_eq!(opened.status, 200);
    let path = target.polling_of(&Open::read(opened.text()).sid);
    http::post(target.addr, &path, "40").await;
    http::get(target.addr, &path).await;
    http::post(target.addr, &path, r#"421["secure"]"#).await;
    assert_eq!(http::get(target.addr, &path).await.text(), "431[false]");
}
