//! Streams of events for clients that are none of Socket.IO's.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use koio::cluster::Memory;
use koio::config::Parser;
use koio::observe::{Observation, Observer};
use koio::recovery::Recovery;
use koio::server::{EventSourceRooms, OpeningRequest, Rejection};
use koio::{Io, IoHandle, Namespace, args, handlers, on};
use koio_tests::{Client, Event, Events, Http, Running, Transport, http, serve, until, within};
use tokio::net::TcpListener;

use crate::programs::Program;

/// The sessions that are open.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<Vec<String>>>);

impl Observer for Open {
    fn observe(&self, observation: &Observation<'_>) {
        let mut open = self.0.lock().unwrap();
        match observation {
            Observation::SessionOpened { transport, .. } => open.push((*transport).to_owned()),
            Observation::SessionClosed { transport, .. } => {
                let at = open.iter().position(|other| other == transport);
                open.remove(at.expect("a session that was opened"));
            }
            _ => {}
        }
    }
}

impl Open {
    async fn until(&self, count: usize) {
        until("as many sessions", || self.0.lock().unwrap().len() == count).await;
    }
}

/// `/news` follows the rooms that its query names, `/all` everybody.
fn io() -> Io {
    Io::new()
        .namespace("/chat", Namespace::new())
        .event_source("/news", |request: OpeningRequest| async move {
            let rooms = request.query("rooms").unwrap_or_default();
            let namespace = request.query("namespace").unwrap_or("/".to_owned());
            let rooms = rooms.split(',').map(str::to_owned);
            Ok(rooms.fold(EventSourceRooms::of(namespace), EventSourceRooms::room))
        })
        .event_source("/all", |_| async { Ok(EventSourceRooms::default()) })
}

/// Opens a stream. Its session follows when this returns.
async fn follow(server: &Running, target: &str) -> Events {
    let mut stream = Events::open(server.addr, target, &[]).await;
    assert_eq!(stream.status(), "200", "{}", stream.head);
    stream.block().await;
    stream
}

/// What a stream says to come back with, ahead of any event.
async fn first_id(server: &Running, target: &str) -> String {
    let mut stream = follow(server, target).await;
    stream.block().await;
    stream.last_id.expect("an id")
}

fn event(name: &str, data: &str) -> Event {
    Event {
        name: Some(name.to_owned()),
        id: None,
        data: data.to_owned(),
    }
}

#[tokio::test]
async fn a_stream_has_what_is_emitted_to_its_rooms_and_to_everybody() {
    let server = serve(io()).await;
    let io = &server.handle;
    let mut stream = follow(&server, "/news?rooms=a,b").await;
    for line in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-store\r\n",
        "x-accel-buffering: no\r\n",
    ] {
        assert!(stream.head.contains(line), "{line}: {}", stream.head);
    }
    assert_eq!(stream.retry, Some(2_000));
    io.to("a").emit("one", "é\n").expect("an emit");
    io.to("other").emit("not", 0).expect("an emit");
    io.to("a")
        .to("b")
        .emit("several", args![1, "x"])
        .expect("an emit");
    io.emit("everybody", ()).expect("an emit");
    io.of("/chat")
        .to("a")
        .emit("elsewhere", 0)
        .expect("an emit");
    io.to("b")
        .emit("file", koio::Bytes::from(vec![1, 2, 3, 4]))
        .expect("an emit");
    io.to("b").emit("two\nlines", [1]).expect("an emit");
    for expected in [
        event("one", "\"é\\n\""),
        event("several", "[1,\"x\"]"),
        event("everybody", "null"),
        event("file", "\"AQIDBA==\""),
        event("two\\nlines", "[1]"),
    ] {
        assert_eq!(stream.next().await, Some(expected));
    }
    let mut chat = follow(&server, "/news?rooms=a&namespace=/chat").await;
    io.to("a").emit("not", 0).expect("an emit");
    io.of("/chat").to("a").emit("here", 1).expect("an emit");
    assert_eq!(chat.next().await, Some(event("here", "1")));
}

#[on("say")]
async fn say(ctx: koio::Context, room: String, text: String) -> koio::Result<()> {
    ctx.to(room).emit("said", text)
}

#[tokio::test]
async fn the_clients_of_a_stream_are_no_sockets() {
    let server = serve(io().handlers(handlers![say])).await;
    let io = &server.handle;
    let mut stream = follow(&server, "/news?rooms=a,quiet").await;
    assert!(io.sockets().is_empty() && io.rooms().is_empty());
    assert!(io.fetch_sockets().await.expect("the sockets").is_empty());
    let asked = io.to("a").timeout(Duration::from_secs(5));
    let answers = asked.emit_with_acks::<u8>("ask", 0).await;
    assert!(answers.expect("no answers").is_empty());
    io.to("a").disconnect_all().expect("a disconnect");
    io.except("quiet").emit("not", 0).expect("an emit");
    io.to("a").except("quiet").emit("not", 0).expect("an emit");
    let mut socket = Client::connect(server.target(), Transport::WebSocket).await;
    io.sockets()[0].emit("private", 0).expect("an emit");
    socket.send("42[\"say\",\"a\",\"hello\"]").await;
    assert_eq!(stream.next().await, Some(event("said", "\"hello\"")));
}

#[tokio::test]
async fn the_program_may_refuse_a_stream_with_its_status_and_its_words() {
    let io = io()
        .allow_origin("https://app.example.com")
        .event_source("/refused", |_| async {
            let words = Rejection::new("not today").status(StatusCode::UNAUTHORIZED);
            Err::<&str, _>(words)
        })
        .event_source("/panics", |request: OpeningRequest| async move {
            assert!(request.query("panics").is_none(), "as it should");
            Ok("a")
        });
    let server = serve(io).await;
    let refused = http::get(server.addr, "/refused").await;
    assert_eq!((refused.status, refused.text()), (401, "not today"));
    let panicked = http::get(server.addr, "/panics?panics=1").await;
    assert_eq!(panicked.status, 500);
    let undeclared = http::get(server.addr, "/news?namespace=/nowhere").await;
    assert_eq!(undeclared.status, 500);
    assert_eq!(http::post(server.addr, "/news", "").await.status, 405);
    assert_eq!(http::get(server.addr, "/newspaper").await.status, 404);
    let foreign = [("Origin", "https://other.example.com")];
    assert_eq!(
        Events::open(server.addr, "/all", &foreign).await.status(),
        "403"
    );
    let listed = [("Origin", "https://app.example.com")];
    let stream = Events::open(server.addr, "/all", &listed).await;
    assert!(
        stream
            .head
            .contains("access-control-allow-origin: https://app.example.com\r\n")
    );
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_has_missed_once() {
    let server = serve(io().recovery(Recovery::new(Duration::from_secs(60)))).await;
    let emit = |number: usize| {
        server.handle.to("a").emit("n", number).expect("an emit");
        server
            .handle
            .to("other")
            .emit("n", "not for it")
            .expect("an emit");
    };
    let mut last = first_id(&server, "/news?rooms=a").await;
    let (mut emitted, mut expected) = (0, 0);
    for round in 0..10 {
        // Nobody follows.
        for _ in 0..round {
            emit(emitted);
            emitted += 1;
        }
        let header = [("Last-Event-ID", last.as_str())];
        let query = format!("/news?rooms=a&last_event_id={last}");
        let mut stream = match round % 2 {
            0 => Events::open(server.addr, "/news?rooms=a", &header).await,
            _ => Events::open(server.addr, &query, &[]).await,
        };
        emit(emitted);
        emitted += 1;
        // It reads all but one of what is for it.
        while expected < emitted - round % 2 {
            let next = stream.next().await.expect("an event");
            assert_eq!(
                (next.name.as_deref(), next.data),
                (Some("n"), expected.to_string())
            );
            last = next.id.expect("an id");
            expected += 1;
        }
    }
}

#[tokio::test]
async fn a_client_that_has_missed_what_is_not_kept_is_told() {
    let recovery = Recovery::new(Duration::from_secs(60)).namespace_bytes(64 * 1024);
    let server = serve(io().recovery(recovery)).await;
    let first = first_id(&server, "/all").await;
    for _ in 0..100 {
        server
            .handle
            .emit("big", "x".repeat(2_000))
            .expect("an emit");
    }
    for last in [first.as_str(), "of-another-server"] {
        let header = [("Last-Event-ID", last)];
        let mut stream = Events::open(server.addr, "/all", &header).await;
        let gap = stream.next().await.expect("an event");
        assert_eq!(
            (gap.name.as_deref(), gap.data.as_str()),
            (Some("koio.gap"), "null")
        );
        assert!(gap.id.is_some());
        server.handle.emit("next", 1).expect("an emit");
        assert_eq!(stream.data().await, "1");
    }
}

/// Events are kept for 300 ms.
fn brief() -> Io {
    let io = io().recovery(Recovery::new(Duration::from_millis(100)));
    let io = io.ping_interval(Duration::from_millis(50));
    io.ping_timeout(Duration::from_millis(50))
        .config(|config| config.engine.write_timeout = Duration::from_millis(100))
}

#[tokio::test]
async fn what_is_older_than_a_client_may_be_away_is_not_kept_where_there_are_no_sockets() {
    let server = serve(brief()).await;
    let first = first_id(&server, "/all").await;
    let _other = follow(&server, "/all").await;
    server.handle.emit("n", 1).expect("an emit");
    within("the event to be gone", async {
        loop {
            let header = [("Last-Event-ID", first.as_str())];
            let mut stream = Events::open(server.addr, "/all", &header).await;
            let next = stream.next().await.expect("an event");
            if next.name.as_deref() == Some("koio.gap") {
                break;
            }
            assert_eq!((next.name.as_deref(), &*next.data), (Some("n"), "1"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_namespace_that_was_followed_goes_when_its_clients_may_come_back_no_more() {
    let open = Namespaces::default();
    let io = brief().namespace("/room-{id}", Namespace::new());
    let server = serve(io.observe(open.clone())).await;
    for id in 0..3 {
        let target = format!("/news?namespace=/room-{id}");
        let first = first_id(&server, &target).await;
        // It waits for its clients: nothing of the last one was missed.
        let header = [("Last-Event-ID", first.as_str())];
        let mut stream = Events::open(server.addr, &target, &header).await;
        let name = format!("/room-{id}");
        server.handle.of(&name).emit("n", id).expect("an emit");
        assert_eq!(stream.data().await, id.to_string());
    }
    assert_eq!(open.0.lock().unwrap().len(), 3);
    until("the last to go", || open.0.lock().unwrap().is_empty()).await;
}

/// The namespaces that are there.
#[derive(Clone, Default)]
struct Namespaces(Arc<Mutex<Vec<String>>>);

impl Observer for Namespaces {
    fn observe(&self, observation: &Observation<'_>) {
        let mut names = self.0.lock().unwrap();
        match observation {
            Observation::NamespaceCreated { namespace, .. } => names.push(namespace.to_string()),
            Observation::NamespaceRemoved { namespace, .. } => {
                names.retain(|name| name != namespace);
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn with_msgpack_a_client_that_has_missed_anything_is_told() {
    let io = io().parser(Parser::Msgpack);
    let server = serve(io.recovery(Recovery::new(Duration::from_secs(60)))).await;
    let first = first_id(&server, "/all").await;
    server.handle.emit("missed", 1).expect("an emit");
    let header = [("Last-Event-ID", first.as_str())];
    let mut stream = Events::open(server.addr, "/all", &header).await;
    let gap = stream.next().await.expect("an event");
    assert_eq!(gap.name.as_deref(), Some("koio.gap"));
    let seen = gap.id.expect("an id");
    let header = [("Last-Event-ID", seen.as_str())];
    let mut stream = Events::open(server.addr, "/all", &header).await;
    server.handle.emit("next", 2).expect("an emit");
    assert_eq!(stream.data().await, "2");
}

#[tokio::test]
async fn a_client_that_hangs_up_with_a_long_queue_is_no_slow_consumer() {
    let open = Open::default();
    let io = io().observe(open.clone()).config(|config| {
        config.engine.send_queue_bytes = 64 * 1024;
        config.engine.send_queue_hard = 64 * 1024 * 1024;
        config.engine.write_timeout = Duration::from_secs(60);
    });
    let server = serve(io).await;
    let stream = follow(&server, "/all").await;
    let text = "x".repeat(100_000);
    for _ in 0..200 {
        server.handle.emit("noise", &text).expect("an emit");
        tokio::task::yield_now().await;
    }
    drop(stream);
    open.until(0).await;
    assert_eq!(server.handle.counts().slow_consumers, 0);
}

#[tokio::test]
async fn the_streams_that_a_connection_asks_for_are_limited() {
    let io = io()
        .event_source("/refused", |_| async {
            Err::<&str, _>(Rejection::new("no").status(StatusCode::UNAUTHORIZED))
        })
        .config(|config| config.engine.handshakes_per_second = 2);
    let server = serve(io).await;
    let mut connection = Http::connect(server.addr).await;
    assert_eq!(connection.get("/refused").await.status, 401);
    assert_eq!(connection.get("/refused").await.status, 401);
    assert_eq!(connection.get("/refused").await.status, 503);
    assert_eq!(http::get(server.addr, "/refused").await.status, 401);
}

#[tokio::test]
async fn a_client_that_reads_no_more_is_cut_and_counted() {
    let open = Open::default();
    let io = io().observe(open.clone()).config(|config| {
        config.engine.send_queue_bytes = 64 * 1024;
        config.engine.send_queue_hard = 256 * 1024;
        config.engine.write_timeout = Duration::from_millis(500);
    });
    let server = serve(io).await;
    let _stream = follow(&server, "/all").await;
    let text = "x".repeat(10_000);
    while server.handle.counts().slow_consumers == 0 {
        server.handle.emit("noise", &text).expect("an emit");
        tokio::task::yield_now().await;
    }
    open.until(0).await;
}

#[tokio::test]
async fn a_quiet_stream_has_comments_and_lasts() {
    let open = Open::default();
    let io = io()
        .observe(open.clone())
        .ping_interval(Duration::from_millis(50))
        .ping_timeout(Duration::from_millis(200));
    let server = serve(io).await;
    let mut stream = follow(&server, "/all").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.handle.emit("still", "here").expect("an emit");
    assert_eq!(stream.data().await, "\"here\"");
    assert!(stream.comments.len() > 3, "{:?}", stream.comments);
    assert_eq!(*open.0.lock().unwrap(), ["eventsource"]);
    drop(stream);
    open.until(0).await;
}

#[tokio::test]
async fn a_shutdown_ends_the_streams_behind_what_was_emitted() {
    let server = serve(io()).await;
    let mut stream = follow(&server, "/all").await;
    server.handle.emit("last", 1).expect("an emit");
    let handle = server.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(Duration::from_secs(10)).await });
    assert_eq!(stream.next().await, Some(event("last", "1")));
    stream.ended().await;
    within("the shutdown", shutdown).await.expect("a shutdown");
}

#[tokio::test]
async fn events_of_other_nodes_are_streamed() {
    let broker = Memory::new();
    let one = serve(io().cluster(broker.clone())).await;
    let two = serve(io().cluster(broker)).await;
    let mut stream = follow(&one, "/news?rooms=a").await;
    two.handle.to("a").emit("from", "two").expect("an emit");
    assert_eq!(stream.next().await, Some(event("from", "\"two\"")));
}

#[tokio::test]
async fn a_stream_inside_axum_is_the_same() {
    let io = io();
    let handle: IoHandle = io.handle();
    let app = Router::new().layer(io.into_layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = Events::open(addr, "/all", &[]).await;
    stream.block().await;
    handle.emit("in", "axum").expect("an emit");
    assert_eq!(stream.next().await, Some(event("in", "\"axum\"")));
    assert_eq!(http::get(addr, "/elsewhere").await.status, 404);
    serving.abort();
}

#[tokio::test]
async fn a_path_that_no_stream_can_have_is_refused_at_the_start() {
    let ok = |_: OpeningRequest| async { Ok("a") };
    for (io, words) in [
        (
            Io::new().event_source("news", ok),
            "does not begin with a slash",
        ),
        (Io::new().event_source("/news?a", ok), "has a query"),
        (
            Io::new()
                .event_source("/news", ok)
                .event_source("/news", ok),
            "is given twice",
        ),
        (
            Io::new().event_source("/socket.io/news", ok),
            "below koio's own",
        ),
    ] {
        let error = io
            .bind("127.0.0.1:0")
            .await
            .expect_err("a refusal")
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn curl_prints_what_is_emitted() {
    let program = Program("curl");
    if !program.is_there() {
        return;
    }
    let server = serve(io()).await;
    let url = format!("http://{}/all", server.addr);
    let mut curl = program.command();
    let curl = curl
        .args(["-sN", "--max-time", "30", &url])
        .stdout(Stdio::piped());
    let mut curl = curl.spawn().expect("curl");
    let mut printed = BufReader::new(curl.stdout.take().expect("its output")).lines();
    let mut next = || printed.next().expect("a line").expect("a line");
    assert_eq!([next(), next()], ["retry: 2000", ""]);
    server.handle.emit("news", "for curl").expect("an emit");
    assert_eq!(
        [next(), next(), next()],
        ["event: news", "data: \"for curl\"", ""]
    );
    drop(server);
    curl.kill().ok();
    curl.wait().expect("its end");
}

#[tokio::test]
async fn a_connection_asks_for_no_more_streams_in_a_second_than_handshakes() {
    let io = Io::new()
        .event_source("/news", |_| async {
            Err::<EventSourceRooms, _>(Rejection::new("not you"))
        })
        .config(|config| config.engine.handshakes_per_second = 2);
    let server = serve(io).await;
    let mut connection = Http::connect(server.addr).await;
    // Twice in a second, if the third falls into the next.
    let mut asked = 0;
    let refused = loop {
        let answer = connection.get("/news").await;
        if answer.status != 403 {
            break answer;
        }
        asked += 1;
        assert!(asked < 20, "no limit");
    };
    assert!(asked >= 2, "{asked}");
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("handshakes_per_second reached"));
    connection.ended().await;
}
