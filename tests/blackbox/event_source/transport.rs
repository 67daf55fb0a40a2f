//! EventSource as a transport of a session, and polls that do not wait.

use std::time::{Duration, Instant};

use koio::{CloseReason, Io, handlers};
use koio_tests::polling::Open;
use koio_tests::{Events, Frame, Http, Polling, RawWebSocket, Running, http, serve, until};

use crate::memory::Memory;
use crate::scene::{Scene, echo};

/// A server that takes EventSource.
fn io() -> Io {
    let io = Io::new().config(|config| config.engine.event_source = true);
    io.handlers(handlers![echo])
}

const OPEN: &str = "/socket.io/?EIO=4&transport=eventsource";

/// A session and its stream, connected to `/`.
struct Session {
    server: Running,
    open: Open,
    stream: Events,
    /// Packets that were read.
    received: usize,
}

impl Session {
    async fn of(io: Io) -> Self {
        let server = serve(io).await;
        let mut stream = Events::open(server.addr, OPEN, &[]).await;
        let open = Open::read(&stream.data().await);
        let mut session = Self {
            server,
            open,
            stream,
            received: 1,
        };
        session.post("40").await;
        assert!(session.next().await.starts_with("40{"));
        session
    }

    fn path(&self, received: usize) -> String {
        format!("{OPEN}&sid={}&received={received}", self.open.sid)
    }

    async fn post(&self, payload: &str) {
        let answer = http::post(self.server.addr, &self.path(0), payload).await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }

    async fn next(&mut self) -> String {
        self.received += 1;
        self.stream.data().await
    }

    /// Another stream, for a client that has so many packets.
    async fn go_on(&mut self, received: usize) {
        self.stream = Events::open(self.server.addr, &self.path(received), &[]).await;
        self.received = received;
    }

    fn emit(&self, number: usize) {
        self.server.handle.emit("n", number).expect("an emit");
    }

    /// Waits until the server has no session any more.
    async fn ended(&self) {
        until("the end of the session", || {
            self.server.handle.sockets().is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_opens_as_a_stream_and_takes_posts() {
    let mut session = Session::of(io()).await;
    let head = &session.stream.head;
    for line in [
        "http/1.1 200",
        "content-type: text/event-stream\r\n",
        "cache-control: no-store\r\n",
        "x-accel-buffering: no\r\n",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert_eq!(session.open.upgrades, ["websocket"]);
    let comments = &session.stream.comments;
    assert_eq!(
        comments,
        &[""],
        "a prelude, for proxies that wait for bytes"
    );
    session
        .post("420[\"echo\",\"é\\n\"]\x1e451-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID")
        .await;
    assert_eq!(session.next().await, "430[\"é\\n\"]");
    session.post("421[\"echo\"]").await;
    assert_eq!(session.next().await, "431[]");
    let socket = &session.server.handle.sockets()[0];
    assert_eq!(socket.transport().as_str(), "eventsource");
    socket
        .emit("file", koio::Bytes::from(vec![1, 2, 3, 4]))
        .expect("an emit");
    assert_eq!(
        session.next().await,
        "451-[\"file\",{\"_placeholder\":true,\"num\":0}]"
    );
    assert_eq!(session.next().await, "bAQIDBA==");
    session.post("1").await;
    session.stream.ended().await;
    session.ended().await;
}

#[tokio::test]
async fn it_is_off_by_default() {
    let server = serve(Io::new()).await;
    http::get(server.addr, OPEN)
        .await
        .assert_refused(0, "Transport unknown");
}

#[tokio::test]
async fn a_page_of_another_origin_gets_a_stream_only_if_it_is_listed() {
    let server = serve(io().allow_origin("https://app.example.com").cookie("io")).await;
    let listed = [("Origin", "https://app.example.com")];
    let mut stream = Events::open(server.addr, OPEN, &listed).await;
    let open = Open::read(&stream.data().await);
    assert!(
        stream
            .head
            .contains("access-control-allow-origin: https://app.example.com\r\n")
    );
    let cookie = format!("set-cookie: io={};", open.sid.to_ascii_lowercase());
    assert!(stream.head.contains(&cookie), "{}", stream.head);
    let foreign = [("Origin", "https://other.example.com")];
    let stream = Events::open(server.addr, OPEN, &foreign).await;
    assert_eq!(stream.status(), "403");
}

#[tokio::test]
async fn a_stream_that_is_cut_goes_on_without_a_gap_and_without_doubles() {
    let mut session = Session::of(io()).await;
    let mut expected = 0;
    for round in 0..20 {
        for number in 0..10 {
            session.emit(round * 10 + number);
        }
        // The client has read a part when the line breaks.
        for _ in 0..round % 10 {
            assert_eq!(session.next().await, format!("42[\"n\",{expected}]"));
            expected += 1;
        }
        let received = session.received;
        session.go_on(received).await;
    }
    while expected < 200 {
        assert_eq!(session.next().await, format!("42[\"n\",{expected}]"));
        expected += 1;
    }
    assert_eq!(session.server.handle.counts().answers_cut, 0);
}

#[tokio::test]
async fn what_comes_while_the_client_is_away_is_on_its_next_stream() {
    let mut session = Session::of(io()).await;
    let received = session.received;
    drop(std::mem::replace(
        &mut session.stream,
        Events::open(session.server.addr, "/", &[]).await,
    ));
    for number in 0..100 {
        session.emit(number);
    }
    session.go_on(received).await;
    for number in 0..100 {
        assert_eq!(session.next().await, format!("42[\"n\",{number}]"));
    }
}

#[tokio::test]
async fn a_client_that_has_missed_more_than_is_kept_ends_and_is_counted() {
    let io = io().config(|config| config.engine.event_source_window = 1_000);
    let mut session = Session::of(io).await;
    let received = session.received;
    for number in 0..100 {
        session.emit(number);
        session.next().await;
    }
    session.go_on(received).await;
    assert_eq!(session.stream.data().await, "1", "the client is told");
    session.stream.ended().await;
    session.ended().await;
    assert_eq!(session.server.handle.counts().answers_cut, 1);
    let gone = http::get(session.server.addr, &session.path(received)).await;
    gone.assert_refused(1, "Session ID unknown");
}

#[tokio::test]
async fn a_client_that_does_not_come_back_is_gone() {
    let mut scene = Scene::with(|io| {
        io.config(|config| {
            config.engine.event_source = true;
            config.engine.poll_again_timeout = Duration::from_millis(300);
        })
    })
    .await;
    let mut stream = Events::open(scene.server.addr, OPEN, &[]).await;
    let open = Open::read(&stream.data().await);
    let path = format!("{OPEN}&sid={}", open.sid);
    http::post(scene.server.addr, &path, "40").await;
    assert!(stream.data().await.starts_with("40{"));
    drop(stream);
    assert_eq!(scene.report().await.reason, CloseReason::TransportClose);
    scene.end().await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_and_counted() {
    let io = io().config(|config| {
        config.engine.send_queue_bytes = 64 * 1024;
        config.engine.send_queue_hard = 256 * 1024;
        config.engine.write_timeout = Duration::from_millis(500);
    });
    let session = Session::of(io).await;
    let text = "x".repeat(10_000);
    let counts = || session.server.handle.counts();
    while counts().slow_consumers == 0 {
        session.server.handle.emit("noise", &text).expect("an emit");
        tokio::task::yield_now().await;
    }
    session.ended().await;
}

#[tokio::test]
async fn a_session_moves_to_a_websocket_behind_what_its_stream_has() {
    let mut session = Session::of(io()).await;
    let addr = session.server.target();
    let target = addr.websocket_of(&session.open.sid);
    let mut probe = RawWebSocket::open(addr, &target).await;
    probe.send(&Frame::text("2probe")).await;
    assert_eq!(probe.next().await.expect("a frame").payload, b"3probe");
    // From its noop on the stream holds back what comes.
    session.emit(0);
    assert_eq!(session.next().await, "6");
    probe.send(&Frame::text("5")).await;
    assert_eq!(probe.next().await.expect("a frame").payload, b"42[\"n\",0]");
    session.stream.ended().await;
    probe.send(&Frame::text("420[\"echo\",1]")).await;
    assert_eq!(probe.next().await.expect("a frame").payload, b"430[1]");
}

#[tokio::test]
async fn a_session_whose_client_moves_ahead_of_its_noop_ends() {
    let session = Session::of(io()).await;
    let addr = session.server.target();
    let target = addr.websocket_of(&session.open.sid);
    let mut probe = RawWebSocket::open(addr, &target).await;
    session.emit(0);
    probe.send(&Frame::text("5")).await;
    session.ended().await;
    assert_eq!(session.server.handle.counts().answers_cut, 1);
}

#[tokio::test]
async fn a_session_whose_client_moves_without_its_stream_ends() {
    let mut session = Session::of(io()).await;
    session.stream = Events::open(session.server.addr, "/", &[]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    session.emit(0);
    let addr = session.server.target();
    let target = addr.websocket_of(&session.open.sid);
    let mut probe = RawWebSocket::open(addr, &target).await;
    probe.send(&Frame::text("2probe")).await;
    assert_eq!(probe.next().await.expect("a frame").payload, b"3probe");
    probe.send(&Frame::text("5")).await;
    session.ended().await;
    assert_eq!(session.server.handle.counts().answers_cut, 1);
}

#[tokio::test]
async fn a_session_whose_upgrade_fails_stays_on_its_stream() {
    let mut session = Session::of(io()).await;
    let addr = session.server.target();
    let target = addr.websocket_of(&session.open.sid);
    let mut probe = RawWebSocket::open(addr, &target).await;
    probe.send(&Frame::text("2probe")).await;
    assert_eq!(session.next().await, "6");
    session.emit(0);
    drop(probe);
    assert_eq!(session.next().await, "42[\"n\",0]");
}

#[tokio::test]
async fn the_heartbeat_is_data_and_is_answered_by_a_post() {
    let io = io()
        .ping_interval(Duration::from_millis(100))
        .ping_timeout(Duration::from_millis(500));
    let mut session = Session::of(io).await;
    for _ in 0..3 {
        assert_eq!(session.next().await, "2");
        session.post("3").await;
    }
    assert_eq!(session.next().await, "2");
    assert_eq!(session.next().await, "1", "no pong came");
    session.ended().await;
}

#[tokio::test]
async fn a_poll_that_does_not_wait_is_answered_at_once() {
    let server = serve(io()).await;
    let mut session = Polling::connect(server.target()).await;
    let path = format!("{}&wait=0", session.path());
    let mut http = Http::connect(server.addr).await;
    for round in 0..3 {
        assert_eq!(http.get(&path).await.text(), "6");
        server.handle.emit("n", round).expect("an emit");
        assert_eq!(http.get(&path).await.text(), format!("42[\"n\",{round}]"));
    }
    // A poll without the parameter waits as ever.
    session.begin_get().await;
    server.handle.emit("n", 3).expect("an emit");
    assert_eq!(session.polled().await.text(), "42[\"n\",3]");
}

#[tokio::test]
async fn polls_that_wait_and_polls_that_do_not_may_share_a_connection() {
    let server = serve(io()).await;
    let session = Polling::connect(server.target()).await;
    let at_once = format!("{}&wait=0", session.path());
    let mut http = Http::connect(server.addr).await;
    for round in 0..3 {
        for _ in 0..3 {
            assert_eq!(http.get(&at_once).await.text(), "6");
        }
        server.handle.emit("n", round).expect("an emit");
        let waited = http.get(&session.path()).await;
        assert_eq!(waited.text(), format!("42[\"n\",{round}]"));
    }
}

#[tokio::test]
async fn a_shutdown_is_not_held_up_by_a_client_that_has_lost_its_stream() {
    let io = io().config(|config| config.engine.poll_again_timeout = Duration::from_secs(1));
    let Session { server, stream, .. } = Session::of(io).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.handle.emit("last", 1).expect("an emit");
    let begun = Instant::now();
    server.handle.shutdown(Duration::from_secs(60)).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_does_not_wait_is_answered_at_once_inside_another_server() {
    let memory = Memory::new(io());
    let (_, open) = memory
        .request("GET", "/socket.io/?EIO=4&transport=polling", "")
        .await;
    let path = format!(
        "/socket.io/?EIO=4&transport=polling&sid={}&wait=0",
        Open::read(&open).sid
    );
    assert_eq!(memory.request("POST", &path, "40").await.0, 200);
    assert!(memory.request("GET", &path, "").await.1.starts_with("40{"));
    assert_eq!(
        memory.request("GET", &path, "").await,
        (200, "6".to_owned())
    );
    memory.io.emit("n", 1).expect("an emit");
    assert_eq!(memory.request("GET", &path, "").await.1, "42[\"n\",1]");
}

#[tokio::test]
async fn a_client_that_polls_rarely_is_not_gone_when_its_connection_ends() {
    let io = io().config(|config| {
        config.engine.poll_again_timeout = Duration::from_millis(100);
    });
    let server = serve(io).await;
    let session = Polling::connect(server.target()).await;
    let path = format!("{}&wait=0", session.path());
    for _ in 0..3 {
        assert_eq!(http::get(server.addr, &path).await.text(), "6");
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(http::get(server.addr, &path).await.text(), "6");
}
