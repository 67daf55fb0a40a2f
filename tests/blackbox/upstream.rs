//! Behaviours of the reference server that are easily missed, as far as they concern the wire.

use koio::CloseReason;
use koio_tests::{Client, Frame, Http, Polling, RawWebSocket, Transport, WebSocket, http, serve};

use crate::scene::Scene;

async fn joined(scene: &Scene) -> Polling {
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    assert!(session.get().await.text().starts_with("40{"));
    session
}

#[tokio::test]
async fn a_violation_closes_after_what_was_waiting_has_been_read() {
    for violation in ["40", "42{}", r#"42/custom,["x"]"#, "4abc"] {
        let mut scene = Scene::new().await;
        let mut session = joined(&scene).await;
        session.send(r#"42["bounce",1]"#).await;
        session.try_post(violation).await;
        let mut packets = session.ended().await;
        assert_eq!(packets.remove(0), r#"42["bounced",1]"#, "{violation}");
        assert_eq!(
            packets.last().map(String::as_str),
            Some("1"),
            "{violation}: {packets:?}"
        );
        scene.report().await;
        scene.end().await;
    }
}

#[tokio::test]
async fn a_violation_with_nothing_waiting_is_told_as_noop_and_close() {
    let mut scene = Scene::new().await;
    let mut session = joined(&scene).await;
    session.try_post("40").await;
    session.expect("6\x1e1").await;
    session.assert_gone().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_violation_while_a_poll_waits_answers_it_with_a_close() {
    let mut scene = Scene::new().await;
    let mut session = joined(&scene).await;
    session.begin_get().await;
    session.try_post("4abc").await;
    assert_eq!(session.polled().await.text(), "1");
    session.assert_gone().await;
    assert_eq!(scene.report().await.reason, CloseReason::ForcedClose);
    scene.end().await;
}

#[tokio::test]
async fn events_behind_a_disconnect_by_the_server_are_dropped_and_forgiven() {
    let mut scene = Scene::new().await;
    let mut session = joined(&scene).await;
    let payload = [
        r#"42["kick"]"#,
        r#"42["bounce",1]"#,
        "451-[\"bounce\",{\"_placeholder\":true,\"num\":0}]",
        "bAQID",
    ];
    session.send(payload.join("\x1e")).await;
    let report = scene.report().await;
    assert_eq!(report.reason, CloseReason::ServerNamespaceDisconnect);
    session.expect("41").await;
    // The connection stays: it may come back.
    session.send("40").await;
    assert!(session.get().await.text().starts_with("40{"));
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_path_below_the_path_is_accepted() {
    let scene = Scene::new().await;
    let path = "/socket.io/default/?EIO=4&transport=polling";
    assert_eq!(http::get(scene.server.addr, path).await.status, 200);
    scene.end().await;
}

#[tokio::test]
async fn closing_the_tcp_connection_after_each_request_keeps_the_session() {
    let mut scene = Scene::new().await;
    let session = Polling::open(scene.target()).await;
    let close = ("Connection", "close");
    for (body, answer) in [("40", "40{"), (r#"421["echo",1]"#, "431[1]")] {
        let length = body.len().to_string();
        let mut http = Http::connect(scene.server.addr).await;
        http.head(
            "POST",
            &session.path(),
            &[close, ("Content-Length", &length)],
        )
        .await;
        http.write(body).await;
        assert_eq!(http.response().await.expect("an answer").text(), "ok");
        http.ended().await;
        let mut http = Http::connect(scene.server.addr).await;
        http.head("GET", &session.path(), &[close]).await;
        assert!(
            http.response()
                .await
                .expect("an answer")
                .text()
                .starts_with(answer)
        );
        http.ended().await;
    }
    http::post(scene.server.addr, &session.path(), "1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn garbage_behind_the_upgrade_request_harms_nobody() {
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
async fn an_upgrade_request_elsewhere_is_not_found() {
    let scene = Scene::new().await;
    let (_, response) =
        RawWebSocket::ask(scene.target(), "/elsewhere", &RawWebSocket::HEADERS).await;
    assert_eq!(response.expect("an answer").status, 404);
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

#[tokio::test]
async fn an_allowed_origin_is_named_exactly_also_on_errors() {
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

#[tokio::test]
async fn a_socket_that_has_left_joins_nothing_and_hears_nothing() {
    let mut scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await.parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    socket.join("room").expect("a room");
    client.send("41").await;
    scene.report().await;
    assert!(socket.join("room").is_err_and(|error| error.is_closed()));
    assert!(socket.emit("late", 1).is_err_and(|error| error.is_closed()));
    assert!(
        scene
            .server
            .handle
            .to("room")
            .fetch_sockets()
            .await
            .is_empty()
    );
    assert!(
        scene
            .server
            .handle
            .to(id)
            .emit("late", 1)
            .is_err_and(|error| error.is_closed())
    );
    client.close().await;
    scene.end().await;
}

#[tokio::test]
async fn a_room_that_was_joined_in_a_refusing_middleware_is_empty() {
    let scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    client.send("40/joins-and-refuses,").await;
    assert!(client.text().await.starts_with("44/joins-and-refuses,"));
    let io = scene.server.handle.of("/joins-and-refuses");
    assert!(io.to("room").fetch_sockets().await.is_empty());
    assert!(io.fetch_sockets().await.is_empty());
    client.close().await;
    scene.end().await;
}

#[tokio::test]
async fn what_is_volatile_reaches_a_poll_that_waits_and_is_counted_when_none_does() {
    let mut scene = Scene::new().await;
    let mut session = Polling::open(scene.target()).await;
    session.send("40").await;
    let answer = session.get().await;
    let (_, id) = answer.text().split_once(r#""sid":""#).expect("a sid");
    let id = id.trim_end_matches(['"', '}']).parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    let before = scene.server.handle.counts().volatile_dropped;
    socket.volatile().emit("news", "unheard").expect("an emit");
    assert_eq!(scene.server.handle.counts().volatile_dropped, before + 1);

    session.begin_get().await;
    let mut polled = Box::pin(session.polled());
    // Until the poll has arrived nobody is listening: each one that is dropped is counted.
    let heard = loop {
        socket.volatile().emit("news", "heard").expect("an emit");
        tokio::select! {
            biased;
            answer = &mut polled => break answer,
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
        }
    };
    drop(polled);
    assert_eq!(heard.text(), r#"42["news","heard"]"#);
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn what_is_volatile_reaches_an_idle_websocket_with_all_its_attachments() {
    let mut scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await.parse().expect("an id");
    let socket = scene.server.handle.socket(id).expect("a socket");
    client.send(r#"421["echo"]"#).await;
    client.expect("431[]").await;
    let bytes = koio::Bytes::from(vec![1, 2, 3]);
    socket.volatile().emit("news", bytes).expect("an emit");
    client
        .expect(r#"451-["news",{"_placeholder":true,"num":0}]"#)
        .await;
    client.expect_binary(&[1, 2, 3]).await;
    client.close().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_shutdown_delivers_what_is_queued_and_tells_everybody() {
    let mut scene = Scene::alone(|io| io).await;
    let mut polling = joined(&scene).await;
    let (mut socket, _) = WebSocket::session(scene.target()).await;
    socket.send("40").await;
    socket.text().await;
    let handle = scene.server.handle.clone();
    handle.broadcast("last", 1).expect("an emit");
    let shutdown = tokio::spawn(async move { handle.shutdown(koio_tests::PATIENCE).await });
    socket.expect(r#"42["last",1]"#).await;
    assert_eq!(socket.ended().await, Some(1001));
    // First what was queued, then the end. No `41`: who is put out on purpose does not come back.
    polling.expect(r#"42["last",1]"#).await;
    let polled = polling.get().await;
    assert!(
        ["1", "6\x1e1"].contains(&polled.text()),
        "{}",
        polled.text()
    );
    for _ in 0..2 {
        assert_eq!(scene.report().await.reason, CloseReason::ServerShuttingDown);
    }
    shutdown.await.expect("a shutdown");
    scene.server.ended().await.expect("an orderly end");
}

#[tokio::test]
async fn a_server_that_shuts_down_takes_nobody_new() {
    let server = serve(koio::Io::new().handlers(koio::handlers![crate::scene::echo])).await;
    let target = server.target();
    let mut client = Client::connect(target, Transport::WebSocket).await;
    let handle = server.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(koio_tests::PATIENCE).await });
    client.ended().await;
    shutdown.await.expect("a shutdown");
    server.ended().await.expect("an orderly end");
    assert!(tokio::net::TcpStream::connect(target.addr).await.is_err());
}

#[tokio::test]
async fn an_ack_of_a_handler_that_outlives_its_socket_goes_nowhere() {
    let mut scene = Scene::new().await;
    let mut socket = RawWebSocket::session(scene.target()).await.0;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer");
    socket.send(&Frame::text(r#"421["wait",1]"#)).await;
    socket.send(&Frame::text("41")).await;
    socket.send(&Frame::text("40/custom,")).await;
    let answer = socket.next().await.expect("an answer");
    assert!(answer.payload.starts_with(b"40/custom,"));
    scene.gate.0.add_permits(1);
    assert_eq!(
        scene.report().await.reason,
        CloseReason::ClientNamespaceDisconnect
    );
    socket.send(&Frame::text(r#"42/custom,1["echo"]"#)).await;
    socket.expect("43/custom,1[]").await;
    drop(socket);
    scene.report().await;
    scene.end().await;
}
