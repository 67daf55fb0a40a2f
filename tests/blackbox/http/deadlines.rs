//! How long a connection may wait for a request, and how long a client may leave an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::StreamBody;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use koio::Io;
use koio_tests::{Http, Polling, http, serve, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::service_fn;

use crate::logs::Heard;
use crate::scene::Scene;

const LONG_WAY: &str = "Access-Control-Request-Method: POST\r\n";
const SHORT_WAY: &str = "X-Way: short\r\n";

/// How long a connection lives from here on, in which nothing more is sent.
async fn life(http: &mut Http) -> Duration {
    let begin = Instant::now();
    http.ended().await;
    begin.elapsed()
}

/// Which deadline closes the connection, and how long it lives until then. A machine that stands still makes no difference
/// to the first, and only makes the second longer.
async fn closed_by(http: &mut Http, heard: &Heard) -> (String, Duration) {
    let before = heard.lines().len();
    let life = life(http).await;
    let lines = heard.lines().split_off(before);
    let closed = lines
        .iter()
        .find(|(_, line)| line.contains("connection closed:"));
    let (_, line) = closed.unwrap_or_else(|| panic!("no line: {lines:#?}"));
    let (_, limit) = line.split_once("limit=\"").expect("a limit");
    let limit = limit.split('"').next().expect("a limit");
    (limit.to_owned(), life)
}

const HEADER_TIMEOUT: Duration = Duration::from_millis(1_000);
const BETWEEN: Duration = Duration::from_millis(1_500);

/// With as much between these times as a machine may stand still.
async fn scene(keep_alive: Duration) -> Scene {
    Scene::alone(|io| {
        io.config(|config| {
            config.header_timeout = HEADER_TIMEOUT;
            config.keep_alive_timeout = keep_alive;
        })
    })
    .await
}

fn head(target: &str, way: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{way}\r\n")
}

#[tokio::test]
async fn a_connection_may_be_idle_behind_an_answer_for_longer_than_a_head_may_take() {
    let heard = Heard::default();
    let _guard = heard.listen();
    for way in [SHORT_WAY, LONG_WAY] {
        let scene = scene(Duration::from_secs(4)).await;
        let mut http = Http::connect(scene.server.addr).await;
        for _ in 0..2 {
            http.write(head(&scene.target().polling(), way)).await;
            assert_eq!(http.response().await.expect("an answer").status, 200);
            tokio::time::sleep(BETWEEN).await;
        }
        let (limit, life) = closed_by(&mut http, &heard).await;
        assert_eq!(limit, "keep_alive_timeout", "{way}");
        assert!(life > HEADER_TIMEOUT, "{way}: {life:?}");
    }
}

#[tokio::test]
async fn a_head_must_be_complete_in_its_time_from_its_first_byte_on() {
    let heard = Heard::default();
    let _guard = heard.listen();
    for way in [SHORT_WAY, LONG_WAY] {
        let scene = scene(Duration::from_secs(60)).await;
        let mut http = Http::connect(scene.server.addr).await;
        http.write(head(&scene.target().polling(), way)).await;
        assert_eq!(http.response().await.expect("an answer").status, 200);
        tokio::time::sleep(BETWEEN).await;
        http.write("GET /socket.io/").await;
        let (limit, life) = closed_by(&mut http, &heard).await;
        assert_eq!(limit, "header_timeout", "{way}");
        // Not from the answer on.
        assert!(
            life >= HEADER_TIMEOUT - Duration::from_millis(10),
            "{way}: {life:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_without_a_request_has_the_time_of_a_head() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let scene = scene(Duration::from_secs(60)).await;
    let mut http = Http::connect(scene.server.addr).await;
    let (limit, life) = closed_by(&mut http, &heard).await;
    assert_eq!(limit, "header_timeout");
    assert!(
        life >= HEADER_TIMEOUT - Duration::from_millis(10),
        "{life:?}"
    );
}

#[tokio::test]
async fn a_poll_that_waits_is_no_idle_connection() {
    for way in [SHORT_WAY, LONG_WAY] {
        let scene = scene(Duration::from_millis(1_200)).await;
        let mut session = scene.polling().await;
        let mut http = Http::connect(scene.server.addr).await;
        http.write(head(&session.path(), way)).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // The session's own connection was idle for too long.
        let answer = http::post(scene.server.addr, &session.path(), r#"421["echo",1]"#).await;
        assert_eq!(answer.text(), "ok");
        assert_eq!(http.response().await.expect("an answer").text(), "431[1]");
        session.abort_get().await;
    }
}

/// A body that says something, is silent for a while, and ends.
struct Slow(u8, Pin<Box<tokio::time::Sleep>>);

impl futures_util::Stream for Slow {
    type Item = Result<hyper::body::Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0 == 1 {
            std::task::ready!(self.1.as_mut().poll(cx));
        }
        self.0 += 1;
        let frame = hyper::body::Frame::data(Bytes::from_static(b"data"));
        Poll::Ready((self.0 <= 2).then_some(Ok(frame)))
    }
}

fn with_page() -> Io {
    let page = service_fn(
        |mut request: hyper::Request<hyper::body::Incoming>| async move {
            let silence = Duration::from_millis(1_000);
            let body = StreamBody::new(Slow(0, Box::pin(tokio::time::sleep(silence))));
            let mut response = hyper::Response::new(body);
            if request.headers().contains_key("upgrade") {
                *response.status_mut() = hyper::StatusCode::SWITCHING_PROTOCOLS;
                let upgrade = hyper::header::HeaderValue::from_static("echo");
                response.headers_mut().insert("upgrade", upgrade);
                let upgraded = hyper::upgrade::on(&mut request);
                tokio::spawn(async move {
                    let mut io = TokioIo::new(upgraded.await.expect("an upgrade"));
                    let mut byte = [0];
                    while io.read_exact(&mut byte).await.is_ok() {
                        io.write_all(&byte).await.expect("a client that reads");
                    }
                });
            }
            Ok::<_, Infallible>(response)
        },
    );
    Io::new().attach(page).config(|config| {
        config.header_timeout = HEADER_TIMEOUT;
        config.keep_alive_timeout = Duration::from_millis(300);
        config.attached_write_timeout = Duration::from_millis(300);
        config.engine.write_timeout = Duration::from_millis(300);
    })
}

#[tokio::test]
async fn another_services_answer_may_be_silent_for_longer_than_a_connection_may_be_idle() {
    let server = serve(with_page()).await;
    let mut http = Http::connect(server.addr).await;
    http.write(head("/page", "")).await;
    assert_eq!(http.response().await.expect("an answer").text(), "datadata");
    let life = life(&mut http).await;
    assert!(life >= Duration::from_millis(290), "{life:?}");
}

#[tokio::test]
async fn an_upgrade_of_another_service_has_no_deadline_of_http() {
    let server = serve(with_page()).await;
    let mut http = Http::connect(server.addr).await;
    http.write(head("/page", "Connection: upgrade\r\nUpgrade: echo\r\n"))
        .await;
    assert_eq!(http.response().await.expect("an answer").status, 101);
    let (mut stream, _) = http.into_stream();
    for _ in 0..2 {
        tokio::time::sleep(BETWEEN).await;
        stream.write_all(b"x").await.expect("a server that reads");
        let mut byte = [0];
        let read = within("an echo", stream.read_exact(&mut byte)).await;
        read.expect("an echo");
    }
}

/// Answers of more bytes than the kernel takes for a client that does not read.
fn big_answers(io: Io) -> Io {
    io.max_payload(4_000_000).config(|config| {
        config.engine.write_timeout = Duration::from_millis(500);
        config.engine.send_queue_bytes = 8_000_000;
        config.engine.send_queue_hard = 16_000_000;
    })
}

/// A client whose kernel takes little.
async fn narrow(addr: std::net::SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("SO_RCVBUF");
    socket.connect(addr).await.expect("a connection")
}

/// A client that polls for an answer of 3.9 MB, over a connection of its own.
async fn big_poll(scene: &Scene, way: &str) -> (Polling, TcpStream) {
    let mut session = scene.polling().await;
    let text = "x".repeat(3_900_000);
    session.send(format!(r#"42["bounce","{text}"]"#)).await;
    let mut stream = narrow(scene.server.addr).await;
    let request = head(&session.path(), way);
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a server that reads");
    (session, stream)
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_cut_at_the_write_timeout_and_its_session_ends() {
    for way in [SHORT_WAY, LONG_WAY] {
        let mut scene = Scene::alone(big_answers).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            let (session, stream) = big_poll(&scene, way).await;
            clients.push((session, stream));
        }
        for _ in 0..20 {
            let report = scene.report().await;
            assert_eq!(report.reason, koio::CloseReason::TransportError, "{way}");
        }
        assert_eq!(scene.server.handle.counts().answers_cut, 20);
        for (session, mut stream) in clients {
            session.assert_gone().await;
            let mut answer = Vec::new();
            let read = within("the end", stream.read_to_end(&mut answer)).await;
            assert!(read.is_err() || answer.len() < 3_900_000, "{way}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_is_not_cut() {
    is_read_slowly(big_answers).await;
}

#[tokio::test]
async fn no_pong_is_missed_while_the_bytes_of_an_answer_leave() {
    // It is read for longer than these.
    is_read_slowly(|io| {
        let io = io.ping_interval(Duration::from_millis(100));
        big_answers(io.ping_timeout(Duration::from_millis(500)))
    })
    .await;
}

async fn is_read_slowly(limits: fn(Io) -> Io) {
    for way in [SHORT_WAY, LONG_WAY] {
        let scene = Scene::alone(limits).await;
        let (mut session, mut stream) = big_poll(&scene, way).await;
        let mut all = Vec::new();
        let mut block = vec![0; 400_000];
        while all.len() < 3_900_000 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // Until so many have come, or all there is.
            let mut filled = 0;
            while filled < block.len() && all.len() + filled < 3_900_000 {
                let read = stream.read(&mut block[filled..]).await.expect("bytes");
                assert!(read > 0, "{way}: cut at {}", all.len() + filled);
                filled += read;
            }
            all.extend_from_slice(&block[..filled]);
        }
        let counts = scene.server.handle.counts();
        assert_eq!(
            (counts.deadlines_missed, counts.answers_cut),
            (0, 0),
            "{way}"
        );
        session.send(r#"421["echo",1]"#).await;
        while !session.get().await.text().contains("431[1]") {}
    }
}
