//! How a connection ends when its client breaks the protocol, is put out, or vanishes.

use koio::CloseReason;
use koio_tests::{Frame, RawWebSocket};

use crate::scene::Scene;

#[tokio::test]
async fn a_violation_closes_after_what_was_waiting_has_been_read() {
    for violation in ["40", "42{}", r#"42/custom,["x"]"#, "4abc"] {
        let mut scene = Scene::new().await;
        let mut session = scene.polling().await;
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
async fn a_violation_with_nothing_waiting_ends_the_session_at_once() {
    let mut scene = Scene::new().await;
    let mut session = scene.polling().await;
    session.try_post("40").await;
    session.assert_gone().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_violation_while_a_poll_waits_answers_it_with_a_close() {
    let mut scene = Scene::new().await;
    let mut session = scene.polling().await;
    session.begin_get().await;
    session.try_post("4abc").await;
    assert_eq!(session.polled().await.text(), "1");
    session.assert_gone().await;
    assert_eq!(scene.report().await.reason, CloseReason::ForcedClose);
    scene.end().await;
}

#[tokio::test]
async fn events_behind_a_disconnect_by_the_server_are_dropped_and_end_nothing() {
    let mut scene = Scene::new().await;
    let mut session = scene.polling().await;
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
async fn a_reset_of_the_connection_ends_its_session() {
    let mut scene = Scene::new().await;
    let (mut socket, _) = RawWebSocket::session(scene.target()).await;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer");
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
