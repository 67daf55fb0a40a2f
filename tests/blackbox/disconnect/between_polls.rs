//! Clients that go between two polls: nothing is under way that would tell.

use std::time::Duration;

use koio::Io;
use koio_tests::{Http, Polling, Running, Target, WebSocket, serve, until};

/// A server that looks for a client 300 ms after its connection has ended. Its pings come too late to tell.
async fn server() -> Running {
    serve(Io::new().config(|config| {
        config.engine.poll_again_timeout = Duration::from_millis(300);
    }))
    .await
}

async fn until_sockets(server: &Running, count: usize) {
    let reached = || server.handle.sockets().len() == count;
    until("the sockets to come or go", reached).await;
}

/// Opens a session and connects to `/`, each request over a connection of its own or not.
async fn page(target: Target, header: (&str, &str)) -> (String, Http) {
    let mut http = Http::connect(target.addr).await;
    let session = Polling::open(target).await;
    let path = session.path();
    let connect = [("Content-Length", "2"), header];
    http.head("POST", &path, &connect).await;
    http.write("40").await;
    assert_eq!(http.response().await.expect("an answer").text(), "ok");
    let mut poll = Http::connect(target.addr).await;
    poll.head("GET", &path, &[header]).await;
    let connected = poll.response().await.expect("an answer");
    assert!(connected.text().starts_with("40{"), "{}", connected.text());
    (path, poll)
}

#[tokio::test]
async fn a_page_that_is_reloaded_ten_times_leaves_no_ghosts() {
    // A plain request, one that hyper serves, and one behind a proxy that closes each connection.
    for header in [
        ("Accept", "*/*"),
        ("Expect", "nothing"),
        ("Connection", "close"),
    ] {
        let server = server().await;
        for _ in 0..10 {
            drop(page(server.target(), header).await);
        }
        until_sockets(&server, 0).await;
    }
}

#[tokio::test]
async fn a_client_whose_connection_goes_on_with_another_session_leaves_no_ghost() {
    // A browser uses the connection of the page before for the next one. A plain request, and one that hyper serves.
    for header in [("Accept", "*/*"), ("Expect", "nothing")] {
        let server = server().await;
        let target = server.target();
        let mut http = Http::connect(target.addr).await;
        let mut pages = [Polling::open(target).await, Polling::open(target).await];
        for page in &pages {
            let connect = [("Content-Length", "2"), header];
            http.head("POST", &page.path(), &connect).await;
            http.write("40").await;
            assert_eq!(http.response().await.expect("an answer").text(), "ok");
            http.head("GET", &page.path(), &[header]).await;
            let connected = http.response().await.expect("an answer");
            assert!(connected.text().starts_with("40{"), "{}", connected.text());
        }
        pages[1].begin_get().await;
        until_sockets(&server, 1).await;
    }
}

#[tokio::test]
async fn a_client_whose_connections_end_after_each_answer_stays_as_long_as_it_polls() {
    let server = server().await;
    let target = server.target();
    let (path, first) = page(target, ("Connection", "close")).await;
    drop(first);
    // Longer than the grace in all.
    for number in 0..8 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.handle.broadcast("n", number).expect("an emit");
        let mut poll = Http::connect(target.addr).await;
        poll.head("GET", &path, &[("Connection", "close")]).await;
        let answer = poll.response().await.expect("an answer");
        assert_eq!(answer.text(), format!(r#"42["n",{number}]"#));
    }
    assert_eq!(server.handle.sockets().len(), 1);
    until_sockets(&server, 0).await;
}

#[tokio::test]
async fn a_client_that_goes_while_it_upgrades_leaves_no_ghost() {
    let server = server().await;
    let target = server.target();
    let mut session = Polling::open(target).await;
    session.send("40").await;
    session.get().await;
    let mut probe = WebSocket::open(target, &target.websocket_of(&session.open.sid)).await;
    probe.send("2probe").await;
    probe.expect("3probe").await;
    until_sockets(&server, 1).await;
    drop((probe, session));
    until_sockets(&server, 0).await;
}
