//! What another server in Rust got wrong, by the letters of our notes: each is a test here.

use std::time::Duration;

use koio::{CloseReason, Context, Io, Namespace, handlers, on};
use koio_tests::{
    Client, Frame, RawWebSocket, Received, Target, Transport, WebSocket, client, serve,
};

use crate::scene::{SHORT, Scene};

#[tokio::test]
async fn a_the_public_id_of_a_socket_is_not_the_secret_id_of_its_session() {
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

#[tokio::test]
async fn b_a_socket_in_two_of_the_rooms_gets_an_event_once() {
    let scene = Scene::new().await;
    let mut client = Client::open(scene.target(), Transport::WebSocket).await;
    let id = client.join("40").await;
    let io = &scene.server.handle;
    let socket = io.socket(id.parse().expect("an id")).expect("a socket");
    for room in ["a", "b", "c"] {
        socket.join(room).expect("a room");
    }
    io.to("a")
        .to("b")
        .to("c")
        .to(id.as_str())
        .emit("once", 1)
        .expect("an emit");
    assert_eq!(io.to("a").to("b").fetch_sockets().await.len(), 1);
    client.expect(r#"42["once",1]"#).await;
    client.send(r#"421["echo"]"#).await;
    client.expect("431[]").await;
    client.close().await;
    let mut scene = scene;
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
async fn c_an_event_right_behind_connect_finds_its_handler_and_a_prepared_socket() {
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

#[tokio::test]
async fn d_names_with_escapes_are_understood() {
    // python-socketio sends ASCII only.
    crate::scene::assert_answers(&[
        (r#"421["caf\u00e9"]"#, "431[\"caf\u{e9}\"]"),
        (r#"422["a\/b\n\t\u0022"]"#, r#"432["a/b\n\t\""]"#),
    ])
    .await;
}

#[tokio::test]
async fn e_a_websocket_message_above_the_limit_is_refused_by_its_announced_length() {
    let mut scene = Scene::with(|io| io.max_payload(10_000)).await;
    let mut socket = joined(scene.target()).await;
    socket.send(&Frame::text("").length64(10_001)).await;
    assert_eq!(socket.ended().await, Some(1009));
    assert_eq!(scene.report().await.reason, CloseReason::TransportError);
    scene.end().await;
}

async fn joined(target: Target) -> RawWebSocket {
    let (mut socket, _) = RawWebSocket::session(target).await;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer");
    socket
}

#[tokio::test]
async fn f_two_quick_pongs_do_no_harm() {
    let scene = Scene::with(|io| io.ping_interval(SHORT)).await;
    for transport in client::BOTH {
        let mut client = Client::open(scene.target(), transport).await;
        client.join("40").await;
        for _ in 0..20 {
            client.send("3").await;
        }
        client.send(r#"421["echo"]"#).await;
        client.expect("431[]").await;
        client.close().await;
    }
    let mut scene = scene;
    for _ in client::BOTH {
        assert_eq!(scene.report().await.reason, CloseReason::TransportClose);
    }
    scene.end().await;
}

#[tokio::test]
async fn f_a_client_that_does_not_read_is_ended_as_what_it_is() {
    let mut scene = Scene::new().await;
    let (stuck, _socket) = stuck(&scene).await;
    stuck.join("noisy").expect("a room");
    let text = "x".repeat(10_000);
    while scene.server.handle.counts().slow_consumers == 0 {
        scene
            .server
            .handle
            .to("noisy")
            .emit("noise", &text)
            .expect("an emit");
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.report().await.reason, CloseReason::SlowConsumer);
    scene.end().await;
}

/// A client that connects to `/` and reads no more, and its socket.
async fn stuck(scene: &Scene) -> (koio::Socket, RawWebSocket) {
    let (mut socket, _) = RawWebSocket::session(scene.target()).await;
    socket.send(&Frame::text("40")).await;
    let answer = socket.next().await.expect("an answer");
    let answer = String::from_utf8(answer.payload).expect("text");
    let (_, id) = answer.split_once(r#""sid":""#).expect("a sid");
    let id = id.trim_end_matches(['"', '}']).parse().expect("an id");
    let stuck = scene.server.handle.socket(id).expect("a socket");
    (stuck, socket)
}

#[tokio::test]
async fn g_a_client_whose_queue_is_full_can_be_disconnected() {
    let mut scene = Scene::new().await;
    let (stuck, _socket) = stuck(&scene).await;
    let text = "x".repeat(10_000);
    let full = loop {
        match stuck.emit("noise", &text) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(full.is_full(), "{full:?}");
    stuck.disconnect();
    assert!(
        stuck
            .emit("noise", &text)
            .is_err_and(|error| error.is_closed())
    );
    assert_eq!(
        scene.report().await.reason,
        CloseReason::ServerNamespaceDisconnect
    );
    scene.end().await;
}

#[tokio::test]
async fn h_a_connection_that_can_not_be_written_ends_its_session() {
    let mut scene = Scene::new().await;
    let socket = joined(scene.target()).await;
    socket.reset();
    let report = scene.report().await;
    assert!(
        matches!(
            report.reason,
            CloseReason::TransportClose | CloseReason::TransportError
        ),
        "{report:?}"
    );
    scene.end().await;
}

// (I), attachments without limit: binary.

#[tokio::test]
async fn j_an_ack_that_timed_out_is_forgotten_and_its_answer_is_counted() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    let before = scene.server.handle.counts().unexpected_acks;
    client.send(r#"421["ask",10]"#).await;
    let question = client.text().await;
    let id = question
        .trim_start_matches("42")
        .split('[')
        .next()
        .expect("an id")
        .to_owned();
    let answer = client.text().await;
    assert!(answer.starts_with(r#"431[{"error":{"code":"#), "{answer}");
    client.send(format!("43{id}[1]")).await;
    client.send(r#"422["echo"]"#).await;
    client.expect("432[]").await;
    assert_eq!(scene.server.handle.counts().unexpected_acks, before + 1);
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

// (K), a generic adapter in every signature: there is none in this file.

#[tokio::test]
async fn l_the_handlers_of_a_namespace_are_there_for_every_socket_at_once() {
    // Nothing is registered for a connection that could come too late.
    let scene = Scene::new().await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(scene.client(Transport::WebSocket).await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!(r#"42{number}["echo",{number}]"#)).await;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(
            client.next().await,
            Received::Text(format!("43{number}[{number}]"))
        );
    }
    let count = clients.len();
    drop(clients);
    let mut scene = scene;
    for _ in 0..count {
        scene.report().await;
    }
    scene.end().await;
}

// (M), namespaces: an unknown one is refused and costs nothing (connect::packet).

#[tokio::test]
async fn n_there_is_a_hook_between_the_packet_and_its_handler() {
    let scene = Scene::new().await;
    let mut client = scene.client(Transport::WebSocket).await;
    // `*` sees what nothing else takes, and middleware sees everything (suites of the router).
    client.send(r#"421["anything at all"]"#).await;
    client.expect(r#"431["anything at all"]"#).await;
    client.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}
