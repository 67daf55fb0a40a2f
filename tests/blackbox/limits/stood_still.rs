//! A server that stood still blames nobody for it.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use koio::{Io, handlers, on};
use koio_tests::{Client, Frame, Polling, RawWebSocket, Target, Transport, client, serve, within};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::scene::Scene;

const INTERVAL: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_millis(400);
const CLIENTS: usize = 50;

#[on("stand-still")]
async fn stand_still() {
    thread::sleep(2 * (INTERVAL + TIMEOUT));
}

/// A server on a thread of its own, which it blocks, so that its clients go on.
fn server() -> (SocketAddr, oneshot::Sender<()>) {
    let (sender, addr) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let io = Io::new()
                .ping_interval(INTERVAL)
                .ping_timeout(TIMEOUT)
                .handlers(handlers![stand_still]);
            let server = serve(io).await;
            sender.send(server.addr).expect("a test");
            stopped.await.ok();
        });
    });
    (addr.recv().expect("a server"), stop)
}

/// Waits for a ping, and answers it while the server stands still.
async fn pong_over_websocket(target: Target) -> RawWebSocket {
    let (mut socket, _) = RawWebSocket::session(target).await;
    socket.send(&Frame::text("40")).await;
    socket.next().await.expect("an answer to CONNECT");
    socket.expect("2").await;
    socket
}

async fn pong_over_polling(target: Target) -> Polling {
    let mut session = Polling::open(target).await;
    session.send("40").await;
    session.get().await;
    session.expect("2").await;
    session
}

#[tokio::test]
async fn a_server_that_stood_still_cuts_nobody_who_has_answered() {
    let (addr, _stop) = server();
    let target = Target::socket_io(addr);
    let sockets = join_all((0..CLIENTS).map(|_| pong_over_websocket(target)));
    let sessions = join_all((0..CLIENTS).map(|_| pong_over_polling(target)));
    let (mut sockets, mut sessions) = tokio::join!(sockets, sessions);
    let mut blocking = Client::open(target, Transport::WebSocket).await;
    blocking.join("40").await;
    blocking.send(r#"42["stand-still"]"#).await;
    sleep(Duration::from_millis(50)).await;
    for socket in &mut sockets {
        assert!(socket.send(&Frame::text("3")).await);
    }
    let posts = sessions.iter_mut().map(|session| session.send("3"));
    within("every POST", join_all(posts)).await;
    for socket in &mut sockets {
        // The next ping.
        socket.expect("2").await;
    }
    for session in &mut sessions {
        session.expect("2").await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_cut_after_a_server_stood_still_as_well() {
    let (addr, _stop) = server();
    let target = Target::socket_io(addr);
    let (mut socket, mut session) =
        tokio::join!(pong_over_websocket(target), pong_over_polling(target));
    let mut blocking = Client::open(target, Transport::WebSocket).await;
    blocking.join("40").await;
    blocking.send(r#"42["stand-still"]"#).await;
    socket.ended().await;
    session.ended().await;
}

#[tokio::test]
async fn a_connect_that_came_while_the_server_stood_still_is_in_time() {
    let io = Io::new().connect_timeout(INTERVAL);
    let server = serve(io).await;
    let mut client = Client::open(server.target(), Transport::Polling).await;
    let mut other = Client::open(server.target(), Transport::WebSocket).await;
    // The server's thread is this one. Both packets wait in the sockets when it goes on.
    let (first, second) = tokio::join!(
        async {
            thread::sleep(2 * INTERVAL);
            client.join("40").await
        },
        other.join("40")
    );
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_client_that_never_connects_is_still_ended() {
    for transport in client::BOTH {
        let scene = Scene::alone(|io| io.connect_timeout(INTERVAL)).await;
        Client::open(scene.target(), transport).await.ended().await;
        scene.end().await;
    }
}
