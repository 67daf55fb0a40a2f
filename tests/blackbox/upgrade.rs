//! Upgrades from polling to WebSocket that go wrong, or are used to harm.

use std::time::Instant;

use koio_tests::{PATIENCE, Polling, WebSocket, client, http, within};

use crate::scene::{SHORT, Scene};

/// A session that is connected to `/`, and a WebSocket that wants to become its transport.
async fn probing(scene: &Scene) -> (Polling, WebSocket) {
    let session = scene.polling().await;
    let path = scene.target().websocket_of(&session.open.sid);
    (session, WebSocket::open(scene.target(), &path).await)
}

async fn assert_lives(session: &mut Polling) {
    session.send(r#"421["echo","alive"]"#).await;
    loop {
        let response = session.get().await;
        assert_eq!(response.status, 200);
        match response.text() {
            "6" => {}
            text => return assert_eq!(text, r#"431["alive"]"#),
        }
    }
}

async fn leave(mut session: Polling, mut scene: Scene) {
    session.send("1").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_wrong_probe_loses_the_websocket_and_keeps_the_session() {
    for text in [
        "2prob", "2", "2probes", "3probe", "4hello", "1", "0", "abc", "6",
    ] {
        let scene = Scene::new().await;
        let (mut session, mut socket) = probing(&scene).await;
        socket.send(text).await;
        socket.ended().await;
        assert_lives(&mut session).await;
        leave(session, scene).await;
    }
}

#[tokio::test]
async fn an_upgrade_without_a_probe_moves_the_session_with_what_waits_for_it() {
    // Whether a poll waits makes no difference.
    for polls in [false, true] {
        let mut scene = Scene::new().await;
        let (mut session, mut socket) = probing(&scene).await;
        if polls {
            session.begin_get().await;
        } else {
            session.send(r#"42["bounce","first"]"#).await;
        }
        socket.send("5").await;
        if polls {
            assert_eq!(session.polled().await.text(), "6");
        } else {
            socket.expect(r#"42["bounced","first"]"#).await;
        }
        socket.send(r#"42["bounce","second"]"#).await;
        socket.expect(r#"42["bounced","second"]"#).await;
        socket.close().await;
        scene.report().await;
        scene.end().await;
    }
}

#[tokio::test]
async fn packets_that_only_a_server_sends_are_ignored_and_counted() {
    for transport in client::BOTH {
        let mut scene = Scene::new().await;
        let before = scene.server.handle.counts();
        let mut client = scene.client(transport).await;
        for packet in ["5", "6", "0", r#"0{"sid":"x"}"#, "5probe", "6x"] {
            client.send(packet).await;
        }
        client.send(r#"421["echo","alive"]"#).await;
        client.expect(r#"431["alive"]"#).await;
        let counts = scene.server.handle.counts();
        assert_eq!(counts.packets_ignored - before.packets_ignored, 6);
        assert_eq!(counts.protocol_errors, before.protocol_errors);
        client.close().await;
        scene.report().await;
        scene.end().await;
    }
}

#[tokio::test]
async fn a_binary_probe_loses_the_websocket_and_keeps_the_session() {
    let scene = Scene::new().await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send_binary(*b"2probe").await;
    socket.ended().await;
    assert_lives(&mut session).await;
    leave(session, scene).await;
}

#[tokio::test]
async fn a_silent_probe_is_cut_off_and_the_session_goes_on() {
    for probe in [None, Some("2probe")] {
        let scene =
            Scene::with(|io| io.config(|config| config.engine.upgrade_timeout = SHORT)).await;
        let (mut session, mut socket) = probing(&scene).await;
        if let Some(probe) = probe {
            socket.send(probe).await;
            socket.expect("3probe").await;
        }
        socket.ended().await;
        assert_lives(&mut session).await;
        leave(session, scene).await;
    }
}

#[tokio::test]
async fn a_probe_that_is_dropped_leaves_the_session_which_can_upgrade_again() {
    let scene = Scene::new().await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    drop(socket);
    assert_lives(&mut session).await;
    let path = scene.target().websocket_of(&session.open.sid);
    // The server may still be busy with the first one, and closes the second then.
    let mut again = loop {
        let mut again = WebSocket::open(scene.target(), &path).await;
        if again.try_send("2probe").await
            && again.next().await == koio_tests::Received::Text("3probe".to_owned())
        {
            break again;
        }
    };
    again.send("5").await;
    again.send(r#"421["echo",1]"#).await;
    again.expect("431[1]").await;
    again.close().await;
    let mut scene = scene;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn of_many_websockets_for_one_session_at_most_one_wins() {
    let scene = Scene::new().await;
    let (mut session, first) = probing(&scene).await;
    let path = scene.target().websocket_of(&session.open.sid);
    let mut sockets = vec![first];
    for _ in 0..49 {
        sockets.extend(WebSocket::try_open(scene.target(), &path).await.ok());
    }
    let mut answered = 0;
    for socket in &mut sockets {
        socket.try_send("2probe").await;
        if socket.next().await == koio_tests::Received::Text("3probe".to_owned()) {
            answered += 1;
        }
    }
    assert!(answered <= 1, "{answered} WebSockets were answered");
    drop(sockets);
    assert_lives(&mut session).await;
    leave(session, scene).await;
}

#[tokio::test]
async fn data_that_is_posted_during_the_upgrade_keeps_its_order() {
    let mut scene = Scene::new().await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    for number in 0..50 {
        session.send(format!(r#"42["bounce",{number}]"#)).await;
    }
    socket.send("5").await;
    for number in 50..100 {
        socket.send(format!(r#"42["bounce",{number}]"#)).await;
    }
    for number in 0..100 {
        socket.expect(&format!(r#"42["bounced",{number}]"#)).await;
    }
    socket.close().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn polls_during_the_upgrade_are_answered_again_and_again_but_not_in_a_hot_loop() {
    let scene = Scene::new().await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    let started = Instant::now();
    const POLLS: u32 = 20;
    for _ in 0..POLLS {
        session.expect("6").await;
    }
    // One every 20 ms at the most, save the first, which may be answered at once.
    let took = started.elapsed();
    assert!(
        took >= (POLLS - 1) * std::time::Duration::from_millis(20),
        "{took:?}"
    );
    assert!(
        took < POLLS * std::time::Duration::from_millis(300),
        "{took:?}"
    );
    drop(socket);
    leave(session, scene).await;
}

#[tokio::test]
async fn a_session_that_is_closed_while_it_is_probed_closes_the_websocket() {
    let mut scene = Scene::new().await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    session.send("1").await;
    socket.ended().await;
    session.assert_gone().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn the_ping_deadline_survives_the_upgrade() {
    let mut scene = Scene::with(|io| io.ping_interval(SHORT).ping_timeout(SHORT)).await;
    let (mut session, mut socket) = probing(&scene).await;
    // The ping goes out over polling and is never answered.
    session.expect("2").await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    socket.send("5").await;
    socket.ended().await;
    assert_eq!(scene.report().await.reason, koio::CloseReason::PingTimeout);
    scene.end().await;
}

#[tokio::test]
async fn a_shutdown_during_the_upgrade_ends_when_the_client_knows_of_it() {
    let scene = Scene::alone(|io| io).await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    let handle = scene.server.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(PATIENCE * 2).await });
    // The client polls on: it learns of the end there, and the WebSocket is not needed any more.
    while session
        .try_get()
        .await
        .is_some_and(|answer| answer.status == 200)
    {}
    socket.ended().await;
    within("the shutdown", shutdown).await.expect("a shutdown");
}

#[tokio::test]
async fn a_shutdown_before_the_last_step_of_an_upgrade_does_not_wait_for_another_poll() {
    let mut scene = Scene::alone(|io| io).await;
    let (mut session, mut socket) = probing(&scene).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    // The client has paused its polling: from here on it only listens to the WebSocket.
    session.expect("6").await;
    let handle = scene.server.handle.clone();
    handle.broadcast("last", 1).expect("an emit");
    let shutdown = tokio::spawn(async move { handle.shutdown(PATIENCE * 2).await });
    while http::get(scene.server.addr, &scene.target().polling())
        .await
        .status
        == 200
    {}
    socket.try_send("5").await;
    socket.expect(r#"42["last",1]"#).await;
    socket.ended().await;
    within("the shutdown", shutdown).await.expect("a shutdown");
    scene.report().await;
}
