//! The cases that are in both suites.

use koio_tests::polling::Open;
use koio_tests::{Polling, Received, Target, WebSocket, http, within};

use super::{PING_INTERVAL, PING_TIMEOUT};

fn assert_open(open: &Open, upgrades: &[&str]) {
    assert!(!open.sid.is_empty());
    assert_eq!(open.upgrades, upgrades);
    assert_eq!(u128::from(open.ping_interval), PING_INTERVAL.as_millis());
    assert_eq!(u128::from(open.ping_timeout), PING_TIMEOUT.as_millis());
    assert_eq!(open.max_payload, 1_000_000);
}

pub(super) async fn polling_opens_a_session(target: Target) {
    assert_open(&Polling::open(target).await.open, &["websocket"]);
}

pub(super) async fn polling_fails_with_an_invalid_eio(target: Target) {
    for query in ["transport=polling", "EIO=abc&transport=polling"] {
        let response = http::get(target.addr, &target.with(query)).await;
        response.assert_refused(5, "Unsupported protocol version");
    }
}

pub(super) async fn polling_fails_with_an_invalid_transport(target: Target) {
    for query in ["EIO=4", "EIO=4&transport=abc"] {
        let response = http::get(target.addr, &target.with(query)).await;
        response.assert_refused(0, "Transport unknown");
    }
}

pub(super) async fn polling_fails_with_an_invalid_request_method(target: Target) {
    for method in ["POST", "PUT"] {
        let length = [("Content-Length", "0")];
        let response = http::request(target.addr, method, &target.polling(), &length).await;
        response.assert_refused(2, "Bad handshake method");
    }
}

pub(super) async fn websocket_opens_a_session(target: Target) {
    let (socket, open) = WebSocket::session(target).await;
    assert_open(&open, &[]);
    socket.close().await;
}

pub(super) async fn websocket_fails_with_an_invalid_eio(target: Target) {
    for query in ["transport=websocket", "EIO=abc&transport=websocket"] {
        assert_eq!(
            WebSocket::try_open(target, &target.with(query)).await.err(),
            Some(400)
        );
    }
}

pub(super) async fn websocket_fails_with_an_invalid_transport(target: Target) {
    for query in ["EIO=4", "EIO=4&transport=abc"] {
        assert_eq!(
            WebSocket::try_open(target, &target.with(query)).await.err(),
            Some(400)
        );
    }
}

pub(super) async fn polling_sends_ping_pong_packets(target: Target) {
    let mut session = Polling::open(target).await;
    for _ in 0..3 {
        session.expect("2").await;
        assert_eq!(session.post("3").await.status, 200);
    }
}

pub(super) async fn polling_closes_upon_ping_timeout(target: Target) {
    let session = Polling::open(target).await;
    // The suite waits exactly this long after the handshake: the deadline runs from there and may
    // not be rounded up.
    tokio::time::sleep(PING_INTERVAL + PING_TIMEOUT).await;
    session.assert_gone().await;
}

pub(super) async fn websocket_sends_ping_pong_packets(target: Target) {
    let (mut socket, _) = WebSocket::session(target).await;
    for _ in 0..3 {
        socket.expect("2").await;
        socket.send("3").await;
    }
    socket.close().await;
}

pub(super) async fn websocket_closes_upon_ping_timeout(target: Target) {
    let (mut socket, _) = WebSocket::session(target).await;
    socket.ended().await;
}

pub(super) async fn polling_forcefully_closes(target: Target) {
    let mut session = Polling::open(target).await;
    session.begin_get().await; // The two take different ways; the suite sends the poll first and wants it seen first.
    tokio::task::yield_now().await;
    session.send("1").await;
    let polled = session.polled().await;
    assert_eq!((polled.status, polled.text()), (200, "6"));
    session.assert_gone().await;
}

pub(super) async fn websocket_forcefully_closes(target: Target) {
    let (mut socket, _) = WebSocket::session(target).await;
    socket.send("1").await;
    // At once, and not when the ping deadline finds out.
    let ended = tokio::time::timeout(PING_INTERVAL, socket.ended()).await;
    assert!(ended.is_ok(), "`1` did not close the session by itself");
}

/// Opens a polling session and takes it through the probe.
async fn probed(target: Target) -> (Polling, WebSocket) {
    let session = Polling::open(target).await;
    let mut socket = WebSocket::open(target, &target.websocket_of(&session.open.sid)).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    (session, socket)
}

pub(super) async fn upgrades_from_polling_to_websocket(target: Target) -> (Polling, WebSocket) {
    let (mut session, mut socket) = probed(target).await;
    session.expect("6").await;
    socket.send("5").await;
    (session, socket)
}

pub(super) async fn upgrade_ignores_http_requests_with_same_sid(target: Target) -> WebSocket {
    let (session, mut socket) = probed(target).await;
    socket.send("5").await;
    // The `5` and this request take different ways: the suite sends both at once and expects 400,
    // whichever of them is seen first. A poll that overtakes the `5` is answered by its arrival.
    let response = within("a refusal", refused(&session)).await;
    response.assert_refused(3, "Bad request");
    socket
}

/// Polls until the upgrade is through: a poll that came before the `5` may have had its noop.
async fn refused(session: &Polling) -> http::Response {
    loop {
        let response = http::get(session.target.addr, &session.path()).await;
        if response.status != 200 {
            return response;
        }
        assert!(["6", "1"].contains(&response.text()), "{}", response.text());
    }
}

pub(super) async fn upgrade_ignores_websocket_with_same_sid(target: Target) -> WebSocket {
    let (session, mut socket) = probed(target).await;
    socket.send("5").await;
    if let Ok(mut second) =
        WebSocket::try_open(target, &session.target.websocket_of(&session.open.sid)).await
    {
        second.ended().await;
    }
    socket
}

/// What the Engine.IO suite asks of a WebSocket after an upgrade: that it echoes.
pub(super) async fn assert_echoes(mut socket: WebSocket) {
    socket.send("4hello").await;
    assert_eq!(
        socket.next_but_pings().await,
        Received::Text("4hello".to_owned())
    );
}
