//! The program decides whether a session may open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use hyper::http::{HeaderName, HeaderValue, StatusCode};
use koio::server::{OpeningRequest, Rejection};
use koio::{Context, Error, Io, handlers, on};
use koio_tests::polling::Open;
use koio_tests::{
    Client, Http, Polling, RawWebSocket, Response, Target, WebSocket, client::BOTH, http, serve,
    until, within,
};
use tokio::net::TcpListener;
use tracing::Level;

use crate::logs::Heard;
use crate::record::Record;
use crate::scene::{SHORT, Scene};

/// With it a request is not plain.
const LONG_WAY: (&str, &str) = ("Access-Control-Request-Method", "POST");

/// Who the program has let in.
#[derive(Clone)]
struct User(String);

#[on("who")]
async fn who(ctx: Context) -> koio::Result<String> {
    let user = ctx.handshake().extension::<User>();
    user.map(|user| user.0.clone())
        .ok_or_else(|| Error::new("nobody", "no user"))
}

/// Lets in who names itself.
async fn named(request: OpeningRequest) -> Result<User, Rejection> {
    match request.query("name").as_deref() {
        None => Err(Rejection::new("who \"are\" <you>?\n")),
        Some("late") => Err(Rejection::new("come back")
            .status(StatusCode::TOO_MANY_REQUESTS)
            .header(
                HeaderName::from_static("retry-after"),
                HeaderValue::from_static("7"),
            )
            // These are koio's.
            .header(
                HeaderName::from_static("content-length"),
                HeaderValue::from_static("1"),
            )),
        Some("redirect") => Err(Rejection::new("elsewhere").status(StatusCode::FOUND)),
        Some("down") => Err(std::io::Error::other("the secret of the database").into()),
        Some("shown") => Err(Error::new("banned", "you are banned").into()),
        Some("hidden") => Err(Error::internal("a secret").into()),
        Some("panic") => panic!("as the test wants it"),
        Some(name) => Ok(User(name.to_owned())),
    }
}

async fn poll(target: Target, name: &str) -> Response {
    let path = format!("{}{name}", target.polling());
    http::request(target.addr, "GET", &path, &[]).await
}

async fn websocket(target: Target, name: &str) -> Response {
    let path = format!("{}{name}", target.websocket());
    let (_, answer) = RawWebSocket::ask(target, &path, &RawWebSocket::HEADERS).await;
    answer.expect("an answer")
}

#[tokio::test]
async fn a_refusal_has_the_status_and_the_text_of_the_program_over_each_transport() {
    let scene = Scene::with(|io| {
        io.allow_request(|request: OpeningRequest| async move {
            // The canaries do not say it.
            match request.query("test") {
                None => Ok(User(String::new())),
                Some(_) => named(request).await,
            }
        })
    })
    .await;
    for (name, status, message) in [
        ("&test", 403, "who \"are\" <you>?\n"),
        ("&test&name=late", 429, "come back"),
        ("&test&name=shown", 403, "you are banned"),
        ("&test&name=redirect", 500, "elsewhere"),
        ("&test&name=down", 500, "Internal error"),
        ("&test&name=hidden", 500, "Internal error"),
        ("&test&name=panic", 500, "Internal error"),
    ] {
        let refused = poll(scene.target(), name).await;
        assert_eq!(refused.status, status, "{name}");
        let body: serde_json::Value = serde_json::from_str(refused.text()).expect("JSON");
        let is_programs = message != "Internal error";
        let code = is_programs.then_some(4);
        assert_eq!(body["message"], message);
        assert_eq!(body.get("code").and_then(|code| code.as_u64()), code);
        assert_eq!(refused.header("content-type"), Some("application/json"));
        let retry = (status == 429).then_some("7");
        assert_eq!(refused.header("retry-after"), retry);

        let refused = websocket(scene.target(), name).await;
        assert_eq!((refused.status, refused.text()), (status, message));
        assert_eq!(refused.header("connection"), Some("close"));
        assert_eq!(
            refused.header("content-type"),
            Some("text/plain; charset=UTF-8")
        );
        assert_eq!(refused.header("retry-after"), retry);
    }
    assert_eq!(scene.server.handle.counts().requests_refused, 14);
    scene.end().await;
}

#[tokio::test]
async fn the_answer_of_node_is_given_byte_for_byte() {
    let io = Io::new().allow_request(|_| async { Err::<(), _>(Rejection::new("not you")) });
    let server = serve(io).await;
    for headers in [&[][..], &[LONG_WAY]] {
        let path = server.target().polling();
        let refused = http::request(server.addr, "GET", &path, headers).await;
        refused.assert_refused(4, "not you");
    }
}

#[tokio::test]
async fn what_it_returns_is_found_by_handlers_and_it_is_asked_once_for_a_session() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let io = Io::new()
        .handlers(handlers![who])
        .allow_request(move |request: OpeningRequest| {
            count.fetch_add(1, Ordering::SeqCst);
            assert!(
                request
                    .address()
                    .is_some_and(|address| address.ip().is_loopback())
            );
            named(request)
        });
    let server = serve(io).await;
    let target = server.target();
    // Over polling, with an upgrade.
    let path = format!("{}&name=B%C3%A4r", target.polling());
    let opened = http::get(target.addr, &path).await;
    let sid = Open::read(opened.text()).sid;
    let path = target.polling_of(&sid);
    http::post(target.addr, &path, "40").await;
    http::get(target.addr, &path).await;
    http::post(target.addr, &path, r#"421["who"]"#).await;
    let told = http::get(target.addr, &path).await;
    assert_eq!(told.text(), r#"431["Bär"]"#);
    let mut socket = WebSocket::open(target, &target.websocket_of(&sid)).await;
    socket.send("2probe").await;
    socket.expect("3probe").await;
    socket.close().await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // Over WebSocket.
    let mut socket = WebSocket::open(target, &format!("{}&name=x", target.websocket())).await;
    assert!(socket.text().await.starts_with('0'));
    socket.send("40").await;
    assert!(socket.text().await.starts_with("40"));
    socket.send(r#"421["who"]"#).await;
    socket.expect(r#"431["x"]"#).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    socket.close().await;
}

#[tokio::test]
async fn it_is_not_asked_about_what_koio_itself_refuses() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let io = Io::new().allow_request(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    let server = serve(io).await;
    let target = server.target();
    for (query, headers, status) in [
        ("EIO=3&transport=polling", &[][..], 400),
        ("EIO=4&transport=other", &[], 400),
        ("EIO=4&transport=websocket", &[], 400),
        (
            "EIO=4&transport=polling",
            &[("Origin", "http://evil.example")],
            403,
        ),
    ] {
        let path = target.with(query);
        let refused = http::request(target.addr, "GET", &path, headers).await;
        assert_eq!(refused.status, status, "{query}");
    }
    let (_, answer) =
        RawWebSocket::ask(target, &target.websocket(), &RawWebSocket::HEADERS[..3]).await;
    assert_eq!(answer.expect("an answer").status, 400);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_verdict_that_does_not_come_is_a_503_that_names_the_limit_and_delays_nobody_else() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let io = Io::new()
        .config(|config| config.allow_request_timeout = SHORT)
        .allow_request(|request: OpeningRequest| async move {
            match request.query("wait") {
                Some(_) => std::future::pending().await,
                None => Ok(()),
            }
        });
    let server = serve(io).await;
    let target = server.target();
    let mut waiting = Http::connect(target.addr).await;
    waiting
        .send_get(&format!("{}&wait", target.polling()))
        .await;
    for transport in BOTH {
        Client::open(target, transport).await.close().await;
    }
    let late = waiting.response().await.expect("an answer");
    assert_eq!(late.status, 503);
    assert!(
        late.text().contains("no verdict came in"),
        "{}",
        late.text()
    );
    assert!(late.text().contains("(allow_request_timeout 400ms)"));
    let late = websocket(target, "&wait").await;
    assert_eq!(late.status, 503);
    let (level, line) = heard.says("allow_request_timeout = ..").expect("a line");
    assert_eq!(level, Level::WARN, "{line}");
    assert!(line.contains("no verdict came in"), "{line}");
    // The connection is as good as before.
    assert_eq!(waiting.get(&target.polling()).await.status, 200);
}

/// Says when it is dropped.
struct Dropped(Record);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.push("dropped");
    }
}

/// A server whose verdicts never come.
async fn undecided(record: &Record, change: impl FnOnce(Io) -> Io) -> koio_tests::Running {
    let record = record.clone();
    let io = Io::new().allow_request(move |_| {
        let dropped = Dropped(record.clone());
        record.push("asked");
        async move {
            let _dropped = dropped;
            std::future::pending::<Result<(), Rejection>>().await
        }
    });
    serve(change(io)).await
}

#[tokio::test]
async fn the_function_is_dropped_when_its_client_hangs_up() {
    let record = Record::default();
    let server = undecided(&record, |io| io).await;
    let target = server.target();
    for path in [target.polling(), target.websocket()] {
        let mut http = Http::connect(target.addr).await;
        let headers = match path.contains("websocket") {
            true => &RawWebSocket::HEADERS[..],
            false => &[],
        };
        http.head("GET", &path, headers).await;
        record.until("asked").await;
        drop(http);
        record.until("dropped").await;
        record.take();
    }
    // Also if bytes have come behind the request.
    let mut http = Http::connect(target.addr).await;
    http.send_get(&target.polling()).await;
    record.until("asked").await;
    http.send_get(&target.polling()).await;
    drop(http);
    record.until("dropped").await;
}

#[tokio::test]
async fn a_handshake_counts_while_the_program_decides() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let record = Record::default();
    let server = undecided(&record, |io| {
        io.config(|config| config.engine.max_unconnected = 1)
    })
    .await;
    let target = server.target();
    let mut first = Http::connect(target.addr).await;
    first.send_get(&target.polling()).await;
    record.until("asked").await;
    for refused in [poll(target, "").await, websocket(target, "").await] {
        assert_eq!(refused.status, 503);
        let text = refused.text();
        assert!(text.contains("max_unconnected reached: 1 of 1"), "{text}");
    }
    drop(first);
    record.until("dropped").await;
    record.take();
    // Its place is free again.
    let mut second = Http::connect(target.addr).await;
    second.send_get(&target.polling()).await;
    record.until("asked").await;
}

#[tokio::test]
async fn a_handshake_whose_verdict_comes_behind_a_shutdown_is_refused() {
    let (go, wait) = tokio::sync::watch::channel(0);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let io = Io::new().allow_request(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut wait = wait.clone();
        async move { wait.changed().await.map_err(Rejection::from) }
    });
    let server = serve(io).await;
    let target = server.target();
    let mut all = Vec::new();
    for path in [target.polling(), target.websocket()] {
        let mut http = Http::connect(target.addr).await;
        let headers = match path.contains("websocket") {
            true => &RawWebSocket::HEADERS[..],
            false => &[],
        };
        http.head("GET", &path, headers).await;
        all.push(http);
    }
    until("both are asked for", || asked.load(Ordering::SeqCst) == 2).await;
    server.handle.shutdown(Duration::from_secs(5)).await;
    go.send(1).expect("two that wait");
    for mut http in all {
        let refused = within("an answer", http.response()).await.expect("one");
        assert_eq!(refused.status, 503);
    }
}

#[tokio::test]
async fn in_axum_it_reads_what_a_layer_has_found() {
    #[derive(Clone)]
    struct Found(&'static str);
    let io =
        Io::new()
            .handlers(handlers![who])
            .allow_request(|request: OpeningRequest| async move {
                let found = request.extension::<Found>();
                let found = found.ok_or_else(|| Rejection::new("nothing was found"))?;
                Ok(User(found.0.to_owned()))
            });
    let app = Router::new().layer(io.into_layer()).layer(map_request(
        |mut request: Request| async move {
            if !request.uri().query().unwrap_or_default().contains("bare") {
                request.extensions_mut().insert(Found("by axum"));
            }
            request
        },
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = Target::socket_io(listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    for transport in BOTH {
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["who"]"#).await;
        client.expect(r#"431["by axum"]"#).await;
        client.close().await;
    }
    poll(target, "&bare")
        .await
        .assert_refused(4, "nothing was found");
    assert_eq!(websocket(target, "&bare").await.status, 403);
}

#[tokio::test]
async fn a_polling_session_that_is_let_in_is_like_any_other() {
    let mut scene = Scene::with(|io| io.allow_request(|_| async { Ok(()) })).await;
    let mut session: Polling = scene.polling().await;
    session.send(r#"421["echo","hi"]"#).await;
    assert_eq!(session.get().await.text(), r#"431["hi"]"#);
    session.send("41").await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_deadline_of_zero_is_refused_at_the_start() {
    let io = Io::new().config(|config| config.allow_request_timeout = Duration::ZERO);
    let error = io.bind("127.0.0.1:0").await.expect_err("a mistake");
    let error = error.to_string();
    assert!(error.contains("`allow_request_timeout` is zero"), "{error}");
}
