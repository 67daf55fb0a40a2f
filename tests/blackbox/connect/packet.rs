//! CONNECT and its auth.

use std::sync::atomic::Ordering;
use std::time::Duration;

use koio::{CloseReason, Context, Io, Namespace, handlers, on};
use koio_tests::{Client, Transport, WebSocket, client, serve};

use crate::scene::{SHORT, Scene, assert_ends};

async fn assert_ends_before_connect(packets: &[&str]) {
    let scene = Scene::new().await;
    for transport in client::BOTH {
        for packet in packets {
            let mut client = Client::open(scene.target(), transport).await;
            client.try_send(*packet).await;
            let texts = client.ended().await;
            assert!(
                !texts.iter().any(|text| text.starts_with("40")),
                "{packet}: {texts:?}"
            );
        }
    }
    scene.end().await;
}

#[tokio::test]
async fn connect_with_an_auth_that_is_no_object_ends_the_connection() {
    let packets = [
        "40null",
        "40[]",
        r#"40"x""#,
        "401",
        "405{}",
        "40true",
        "40{",
        "40{}x",
        "40{}{}",
        r#"40{"a":}"#,
        "40/custom,[]",
        "40/custom,null",
        "40 {}",
    ];
    assert_ends_before_connect(&packets).await;
}

#[tokio::test]
async fn connect_with_an_auth_that_is_nested_too_deep_ends_the_connection() {
    let deep = format!(r#"40{{"a":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    assert_ends_before_connect(&[&deep]).await;
}

#[tokio::test]
async fn connect_with_a_big_but_allowed_auth_is_taken() {
    let mut scene = Scene::new().await;
    for auth in [
        format!(r#"{{"token":"{}"}}"#, "x".repeat(60_000)),
        format!(r#"{{"a":{}{}}}"#, "[".repeat(100), "]".repeat(100)),
        format!(
            "{{{}}}",
            (0..5000)
                .map(|n| format!(r#""{n}":1"#))
                .collect::<Vec<_>>()
                .join(",")
        ),
    ] {
        let mut client = Client::open(scene.target(), Transport::WebSocket).await;
        client.join(&format!("40{auth}")).await;
        client.close().await;
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn connect_to_a_namespace_that_nobody_declared_is_refused_and_the_connection_stays() {
    let mut scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    let invalid = r#"{"message":"Invalid namespace"}"#;
    for namespace in [
        "/unknown",
        "/custom/",
        "/custom?x=1",
        "/Custom",
        "/__proto__",
        "//",
    ] {
        client.send(format!("40{namespace},")).await;
        client.expect(&format!("44{namespace},{invalid}")).await;
    }
    client.send("40/unknown").await;
    client.expect(&format!("44/unknown,{invalid}")).await;
    client.send(r#"421["echo"]"#).await;
    client.expect("431[]").await;
    client.close().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn connect_twice_ends_the_connection() {
    assert_ends(&["40", "40{}"], CloseReason::ForcedServerClose).await;
}

#[tokio::test]
async fn connect_a_thousand_times_while_the_first_is_decided_runs_the_middleware_once() {
    let scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    for _ in 0..1000 {
        if !client.try_send("40/gated,").await {
            break;
        }
    }
    client.ended().await;
    assert!(scene.knocks.0.load(Ordering::SeqCst) <= 1);
    scene.end().await;
}

#[tokio::test]
async fn connect_that_a_middleware_refuses_says_its_message_and_data_and_no_more() {
    let scene = Scene::new().await;
    for transport in client::BOTH {
        let mut client = Client::open(scene.target(), transport).await;
        client.send("40/refuses,").await;
        client
            .expect(r#"44/refuses,{"message":"not you","data":{"code":"refused","why":"because"}}"#)
            .await;
        // Not connected, so an event is a violation.
        client.try_send(r#"42/refuses,["echo"]"#).await;
        client.ended().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn connect_whose_middleware_panics_is_refused_without_a_detail() {
    let scene = Scene::new().await;
    for transport in client::BOTH {
        let mut client = Client::open(scene.target(), transport).await;
        client.send("40/panics,").await;
        let answer = client.text().await;
        assert!(answer.starts_with(r#"44/panics,{"message":""#), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
        // The connection lives.
        client.join("40").await;
        client.send("41").await;
        client.close().await;
    }
    let mut scene = scene;
    for _ in client::BOTH {
        scene.report().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn connect_that_never_comes_ends_the_connection_however_well_it_answers_pings() {
    let scene = Scene::with(|io| io.connect_timeout(SHORT * 2).ping_interval(SHORT / 4)).await;
    for transport in client::BOTH {
        let mut client = Client::open(scene.target(), transport).await;
        client.ended().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn connect_and_disconnect_by_the_thousand_over_one_connection_leave_nothing() {
    let mut scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..2000 {
        assert!(
            ids.insert(client.join("40/custom,").await),
            "a socket id came twice"
        );
        client.send("41/custom,").await;
        let report = scene.report().await;
        assert_eq!(report.reason, CloseReason::ClientNamespaceDisconnect);
        assert_eq!(report.namespace, "/custom");
        assert!(ids.contains(&report.id));
    }
    client.close().await;
    scene.end().await;
}

#[tokio::test]
async fn connect_to_more_namespaces_than_anybody_needs_is_bounded() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    // Names that were not declared are refused and cost nothing.
    for number in 0..2000 {
        client.send(format!("40/n{number},")).await;
        client
            .expect(&format!(
                r#"44/n{number},{{"message":"Invalid namespace"}}"#
            ))
            .await;
    }
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn the_public_id_of_a_socket_is_not_the_secret_id_of_its_session() {
    let scene = Scene::new().await;
    let (mut socket, open) = WebSocket::session(scene.target()).await;
    let mut ids = vec![open.sid];
    for connect in ["40", "40/custom,"] {
        socket.send(connect).await;
        let answer = socket.text().await;
        let (_, id) = answer.split_once(r#""sid":""#).expect("a sid");
        ids.push(id.trim_end_matches(['"', '}']).to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert_ne!(ids[1], ids[2]);
    // And the public id opens nothing.
    for id in &ids[1..] {
        let path = scene.target().polling_of(id);
        koio_tests::http::get(scene.server.addr, &path)
            .await
            .assert_refused(1, "Session ID unknown");
    }
    socket.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.report().await;
    scene.end().await;
}

/// Takes a while before the socket is ready for events.
#[on("connection")]
async fn prepare(ctx: Context) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    ctx.socket().set("prepared");
}

#[on("prepared")]
async fn prepared(ctx: Context) -> bool {
    ctx.socket().get::<&str>().is_some()
}

#[tokio::test]
async fn an_event_right_behind_connect_runs_after_the_connection_handler() {
    let io = Io::new().handlers(handlers![prepare, prepared]);
    let server = serve(io.namespace(
        "/late",
        Namespace::new().handlers(handlers![prepare, prepared]),
    ))
    .await;
    for transport in client::BOTH {
        let mut client = Client::open(server.target(), transport).await;
        for (connect, event) in [
            ("40", r#"421["prepared"]"#),
            ("40/late,", r#"42/late,1["prepared"]"#),
        ] {
            client.join(connect).await;
            client.send(event).await;
            let answer = client.text().await;
            assert!(answer.ends_with("1[true]"), "{answer}");
        }
    }
}

#[on("connection")]
async fn greets(ctx: Context, auth: koio::Auth<serde_json::Value>) -> koio::Result<()> {
    let name = auth["name"].as_str().unwrap_or_default().to_owned();
    let view = ctx.io().of("/named").fetch_sockets().await?;
    let seen: serde_json::Value = view.first().expect("this socket").handshake().auth()?;
    ctx.emit("name", koio::args![name, &seen["name"]])
}

#[tokio::test]
async fn half_a_surrogate_pair_in_auth_is_mended_as_in_events() {
    let io = Io::new().namespace("/named", Namespace::new().handlers(handlers![greets]));
    let server = serve(io).await;
    let mut client = Client::open(server.target(), Transport::WebSocket).await;
    client.send(r#"40/named,{"name":"cut \ud83d"}"#).await;
    assert!(client.text().await.starts_with("40/named,"));
    let mended = "cut \u{fffd}";
    client
        .expect(&format!(r#"42/named,["name","{mended}","{mended}"]"#))
        .await;
}
