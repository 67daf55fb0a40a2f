//! A session whose client did not get an answer has lost packets: it ends.

use std::time::Duration;

use koio::CloseReason;
use koio_tests::{Http, Polling, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::scene::Scene;

const LONG_WAY: &str = "Access-Control-Request-Method: POST\r\n";
const SHORT_WAY: &str = "X-Way: short\r\n";

/// A poll over a connection of its own.
async fn begin_poll(session: &Polling, way: &str) -> Http {
    let mut http = Http::connect(session.target.addr).await;
    let path = session.path();
    http.write(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{way}\r\n"))
        .await;
    http
}

/// A client, and the connection over which one of its polls was answered.
async fn answered_poll(way: &str) -> (Scene, Polling, Http) {
    let scene = Scene::alone(|io| io).await;
    let mut session = scene.polling().await;
    let mut http = begin_poll(&session, way).await;
    session.send(r#"421["echo",1]"#).await;
    assert_eq!(http.response().await.expect("an answer").text(), "431[1]");
    (scene, session, http)
}

/// Hangs up with a reset.
fn reset(http: Http) {
    let (stream, _) = http.into_stream();
    let stream = stream.into_std().expect("a stream");
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
}

#[tokio::test]
async fn a_poll_that_is_answered_into_a_reset_connection_ends_the_session() {
    for way in [SHORT_WAY, LONG_WAY] {
        let mut scene = Scene::alone(|io| io).await;
        let session = scene.polling().await;
        let http = begin_poll(&session, way).await;
        let path = session.path();
        let post = http::post(scene.server.addr, &path, r#"42["bounce",1]"#);
        assert_eq!(post.await.text(), "ok");
        // The answer is in the client's kernel, and nobody has read it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        reset(http);
        assert_eq!(
            scene.report().await.reason,
            CloseReason::TransportError,
            "{way}"
        );
        session.assert_gone().await;
        assert_eq!(scene.server.handle.counts().answers_cut, 1);
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_an_answer_ends_the_session() {
    for way in [SHORT_WAY, LONG_WAY] {
        let mut scene = Scene::alone(|io| {
            io.max_payload(4_000_000).config(|config| {
                config.engine.send_queue_bytes = 8_000_000;
                config.engine.send_queue_hard = 16_000_000;
            })
        })
        .await;
        let mut session = scene.polling().await;
        let text = "x".repeat(3_900_000);
        session.send(format!(r#"42["bounce","{text}"]"#)).await;
        // A kernel that takes little.
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("SO_RCVBUF");
        let stream = socket.connect(scene.server.addr).await;
        let mut stream = stream.expect("a connection");
        let path = session.path();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{way}\r\n");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("a server that reads");
        let mut block = [0; 1_000];
        stream.read_exact(&mut block).await.expect("an answer");
        let stream = stream.into_std().expect("a stream");
        let linger = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        linger.expect("SO_LINGER");
        drop(stream);
        assert_eq!(
            scene.report().await.reason,
            CloseReason::TransportError,
            "{way}"
        );
        session.assert_gone().await;
    }
}

#[tokio::test]
async fn a_client_that_has_polled_again_may_reset_the_connection_before() {
    for way in [SHORT_WAY, LONG_WAY] {
        let (mut scene, mut session, http) = answered_poll(way).await;
        session.begin_get().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        reset(http);
        session.send(r#"421["echo",2]"#).await;
        assert_eq!(session.polled().await.text(), "431[2]");
        scene.assert_nobody_left();
    }
}

#[tokio::test]
async fn a_client_may_close_the_connection_of_an_answer_that_it_has_read() {
    for way in [SHORT_WAY, LONG_WAY] {
        let (mut scene, mut session, http) = answered_poll(way).await;
        drop(http);
        tokio::time::sleep(Duration::from_millis(100)).await;
        session.send(r#"421["echo",2]"#).await;
        session.expect("431[2]").await;
        scene.assert_nobody_left();
    }
}

#[tokio::test]
async fn a_hang_up_behind_a_poll_is_noticed_whatever_comes_before_it() {
    for way in [SHORT_WAY, LONG_WAY] {
        for behind in ["", "\r\n", "GET /", "\r\n\r\nPOST / HTTP/1.1\r\nHo"] {
            for pause in [None, Some(Duration::from_millis(20))] {
                let mut scene = Scene::alone(|io| io).await;
                let session = scene.polling().await;
                let mut http = Http::connect(session.target.addr).await;
                let path = session.path();
                let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{way}\r\n");
                match pause {
                    None => http.write(request + behind).await,
                    Some(pause) => {
                        http.write(request).await;
                        tokio::time::sleep(pause).await;
                        http.write(behind).await;
                    }
                }
                let (mut stream, _) = http.into_stream();
                stream.shutdown().await.expect("a connection");
                let reason = scene.report().await.reason;
                assert_eq!(
                    reason,
                    CloseReason::TransportError,
                    "{way} {behind:?} {pause:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_handshake_whose_answer_is_lost_ends_no_other_session_of_its_connection() {
    for way in [SHORT_WAY, LONG_WAY] {
        let (mut scene, mut session, mut http) = answered_poll(way).await;
        // Another client of the same proxy. The server reads its request behind the reset, and can't write.
        let target = session.target.polling();
        http.write(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{way}\r\n"))
            .await;
        session.begin_get().await;
        reset(http);
        tokio::time::sleep(Duration::from_millis(50)).await;
        session.send(r#"421["echo",2]"#).await;
        assert_eq!(session.polled().await.text(), "431[2]", "{way}");
        assert_eq!(scene.server.handle.counts().answers_cut, 0);
        scene.assert_nobody_left();
    }
}
