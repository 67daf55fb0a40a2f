//! A client that goes on before it has the whole answer to its last poll has given that answer up: its session ends.

use koio::CloseReason;
use koio_tests::{Http, Polling, Received, WebSocket, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::scene::Scene;

const LONG_WAY: &str = "Access-Control-Request-Method: POST\r\n";
const SHORT_WAY: &str = "X-Way: short\r\n";

/// More than the kernel takes for a client that reads nothing.
const LENGTH: usize = 3_900_000;

/// `42["bounced","` and `"]`.
const AROUND: usize = 16;

async fn roomy_scene() -> Scene {
    Scene::alone(|io| {
        io.max_payload(LENGTH + 100).config(|config| {
            config.engine.send_queue_bytes = 2 * LENGTH;
            config.engine.send_queue_hard = 4 * LENGTH;
        })
    })
    .await
}

/// A connection whose kernel takes little.
async fn narrow(session: &Polling) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("SO_RCVBUF");
    let stream = socket.connect(session.target.addr).await;
    stream.expect("a connection")
}

fn poll_request(session: &Polling, way: &str) -> String {
    format!("GET {} HTTP/1.1\r\nHost: a\r\n{way}\r\n", session.path())
}

async fn queue_much(session: &mut Polling) {
    let text = "x".repeat(LENGTH);
    session.send(format!(r#"42["bounce","{text}"]"#)).await;
}

/// A client that has read 1,000 bytes of a long answer, and the connection that has the rest.
async fn begun(scene: &Scene, way: &str) -> (Polling, TcpStream) {
    let mut session = scene.polling().await;
    queue_much(&mut session).await;
    let mut stream = narrow(&session).await;
    let request = poll_request(&session, way);
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("a server that reads");
    stream.read_exact(&mut [0; 1_000]).await.expect("an answer");
    (session, stream)
}

#[tokio::test]
async fn a_poll_that_comes_before_the_last_answer_is_sent_ends_the_session() {
    for way in [SHORT_WAY, LONG_WAY] {
        for half_closes in [false, true] {
            let mut scene = roomy_scene().await;
            let (mut session, mut first) = begun(&scene, way).await;
            if half_closes {
                first.shutdown().await.expect("a connection");
            }
            // hyper ends the session when it sees the half-close.
            session.try_post(r#"42["bounce","later"]"#).await;
            let answer = session.get().await;
            assert_eq!(answer.status, 400, "{way} {half_closes} {}", answer.text());
            let reason = scene.report().await.reason;
            assert_eq!(reason, CloseReason::TransportError, "{way} {half_closes}");
            session.assert_gone().await;
            drop(first);
            // The end of its connection is not counted again.
            scene.polling().await;
            assert_eq!(scene.server.handle.counts().answers_cut, 1);
        }
    }
}

#[tokio::test]
async fn an_upgrade_that_comes_before_the_last_answer_is_sent_ends_the_session() {
    for way in [SHORT_WAY, LONG_WAY] {
        let mut scene = roomy_scene().await;
        let (session, first) = begun(&scene, way).await;
        let mut socket = WebSocket::probe(&session).await;
        let path = session.path();
        let posted = http::post(session.target.addr, &path, r#"42["bounce","later"]"#).await;
        assert_eq!(posted.text(), "ok");
        socket.send("5").await;
        let next = socket.next().await;
        assert!(matches!(next, Received::End(_)), "{way} {next:?}");
        assert_eq!(scene.report().await.reason, CloseReason::TransportError);
        assert_eq!(scene.server.handle.counts().answers_cut, 1);
        drop(first);
    }
}

/// hyper ends a connection that is half-closed in the middle of an answer.
#[cfg(not(koio_slow_twins))]
#[tokio::test]
async fn a_client_that_half_closes_gets_an_answer_that_has_begun() {
    let mut scene = roomy_scene().await;
    let (mut session, mut first) = begun(&scene, SHORT_WAY).await;
    first.shutdown().await.expect("a connection");
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.expect("an answer");
    assert!(rest.len() > LENGTH - 1_000 && rest.ends_with(b"x\"]"));
    session.send(r#"421["echo",2]"#).await;
    session.expect("431[2]").await;
    scene.assert_nobody_left();
}

#[tokio::test]
async fn a_poll_behind_another_on_one_connection_is_answered_behind_it() {
    for way in [SHORT_WAY, LONG_WAY] {
        let mut scene = roomy_scene().await;
        let mut session = scene.polling().await;
        queue_much(&mut session).await;
        let stream = narrow(&session).await;
        let request = poll_request(&session, way);
        let mut http = Http::from(stream);
        http.write(request.repeat(2)).await;
        // The server has read both, and can't write the first answer.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        session.send(r#"421["echo",2]"#).await;
        let first = http.response().await.expect("an answer");
        assert_eq!(first.body.len(), LENGTH + AROUND, "{way}");
        let second = http.response().await.expect("an answer");
        assert_eq!(second.text(), "431[2]", "{way}");
        scene.assert_nobody_left();
    }
}

/// A client may have the end of an answer, and poll again elsewhere, before the server's task knows that it was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_may_poll_on_another_connection_as_soon_as_it_has_an_answer() {
    for way in [SHORT_WAY, LONG_WAY] {
        let mut scene = roomy_scene().await;
        let mut session = scene.polling().await;
        let text = "x".repeat(200_000);
        let mut connections = [
            Http::from(narrow(&session).await),
            Http::from(narrow(&session).await),
        ];
        let request = poll_request(&session, way);
        for turn in 0..60 {
            session.send(format!(r#"42["bounce","{text}"]"#)).await;
            let connection = &mut connections[turn % 2];
            connection.write(&request).await;
            let answer = connection.response().await.expect("an answer");
            assert_eq!(answer.body.len(), text.len() + AROUND, "{way} {turn}");
        }
        scene.assert_nobody_left();
    }
}
