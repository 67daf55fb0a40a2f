//! What a program adds around koio's HTTP: tower layers, and headers of each answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::http::header::CACHE_CONTROL;
use hyper::http::{HeaderValue, Request, StatusCode};
use koio::engine::PeerAddr;
use koio::server::{HttpBody, HttpPipeline, RequestBody};
use koio::{Context, Error, Io, handlers, on};
use koio_tests::polling::Open;
use koio_tests::{
    Client, Http, Polling, RawWebSocket, Response, Target, WebSocket, client::BOTH, http, serve,
    until,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};

use crate::record::Record;
use crate::scene::{SHORT, Scene};

type Answer = hyper::http::Response<HttpBody>;

/// Who a layer has found.
#[derive(Clone)]
struct User(String);

#[on("who")]
async fn who(ctx: Context) -> koio::Result<String> {
    let user = ctx.handshake().extension::<User>();
    user.map(|user| user.0.clone())
        .ok_or_else(|| Error::new("nobody", "no user"))
}

/// Writes down what passes it, both ways, and names the user to the handlers.
fn noting(
    record: Record,
    name: &'static str,
) -> impl tower::Layer<
    HttpPipeline,
    Service: Service<
        Request<RequestBody>,
        Response = Answer,
        Error = koio::middleware::BoxError,
        Future: Send + 'static,
    > + Clone
                 + Send
                 + Sync
                 + 'static,
> + Send
+ 'static {
    layer_fn(move |inner: HttpPipeline| {
        let record = record.clone();
        service_fn(move |mut request: Request<RequestBody>| {
            let peer = request.extensions().get::<PeerAddr>();
            let has_peer = peer.is_some_and(|peer| peer.0.ip().is_loopback());
            record.push(format!("{name} {} {has_peer}", request.method()));
            request.extensions_mut().insert(User(name.to_owned()));
            let (record, answering) = (record.clone(), inner.clone().oneshot(request));
            async move {
                let mut answer = answering.await?;
                record.push(format!("{name} {}", answer.status().as_u16()));
                answer
                    .headers_mut()
                    .append("x-passed", HeaderValue::from_static(name));
                Ok(answer)
            }
        })
    })
}

/// All values of a header.
fn all<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let all = response.headers.iter();
    let all = all.filter(|(found, _)| found == name);
    all.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn layers_are_around_each_request_under_the_path_the_first_outermost() {
    let record = Record::default();
    let page = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(hyper::http::Response::new("a page".to_owned()))
    });
    let io = Io::new()
        .handlers(handlers![who])
        .keep_extension::<User>()
        .attach(page)
        .http_layer(noting(record.clone(), "outer"))
        .http_layer(noting(record.clone(), "inner"));
    let server = serve(io).await;
    let target = server.target();
    let mut http = Http::connect(target.addr).await;
    let opened = http.get(&target.polling()).await;
    assert_eq!(all(&opened, "x-passed"), ["inner", "outer"]);
    assert_eq!(
        record.take(),
        ["outer GET true", "inner GET true", "inner 200", "outer 200"]
    );
    let path = target.polling_of(&Open::read(opened.text()).sid);
    for (answer, text) in [
        (http.post(&path, "40").await, "ok"),
        (http.get(&path).await, "40{"),
        (http.post(&path, r#"421["who"]"#).await, "ok"),
        (http.get(&path).await, r#"431["inner"]"#),
    ] {
        assert_eq!(all(&answer, "x-passed"), ["inner", "outer"]);
        assert!(answer.text().starts_with(text), "{}", answer.text());
    }
    record.take();
    let refused = http::get(target.addr, &target.with("EIO=3&transport=polling")).await;
    refused.assert_refused(5, "Unsupported protocol version");
    assert_eq!(record.take()[3], "outer 400");
    // Another path is not koio's.
    let page = http::get(target.addr, "/page").await;
    assert_eq!((page.text(), all(&page, "x-passed").len()), ("a page", 0));
    assert_eq!(record.take(), [""; 0]);
    // A WebSocket passes them with its handshake.
    let path = target.websocket();
    let (_, answer) = RawWebSocket::ask(target, &path, &RawWebSocket::HEADERS).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 101);
    assert_eq!(all(&answer, "x-passed"), ["inner", "outer"]);
    let mut client = Client::connect(target, koio_tests::Transport::WebSocket).await;
    client.send(r#"421["who"]"#).await;
    client.expect(r#"431["inner"]"#).await;
}

#[tokio::test]
async fn behind_layers_a_session_is_like_any_other() {
    let mut scene = Scene::with(|io| io.http_layer(noting(Record::default(), "x"))).await;
    // Polling, an upgrade with messages around it, a body of some size, and a hang-up.
    let mut session = scene.polling().await;
    session.send(r#"421["echo","hi"]"#).await;
    assert_eq!(session.get().await.text(), r#"431["hi"]"#);
    let large = "x".repeat(200_000);
    session.send(&format!(r#"422["echo","{large}"]"#)).await;
    assert!(session.get().await.text().contains(&large));
    session.begin_get().await;
    let mut socket = WebSocket::probe(&session).await;
    assert_eq!(session.polled().await.text(), "6");
    socket.send("5").await;
    socket.send(r#"423["echo",1]"#).await;
    socket.expect("433[1]").await;
    socket.close().await;
    scene.report().await;
    let mut session: Polling = scene.polling().await;
    session.begin_get().await;
    session.abort_get().await;
    scene.report().await;
    scene.end().await;
}

#[tokio::test]
async fn a_layer_may_answer_by_itself_and_its_errors_are_answers() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let gate = layer_fn(move |inner: HttpPipeline| {
        let count = Arc::clone(&count);
        service_fn(move |request: Request<RequestBody>| {
            count.fetch_add(1, Ordering::SeqCst);
            let query = request.uri().query().unwrap_or_default().to_owned();
            let inner = inner.clone();
            async move {
                if query.contains("closed") {
                    let mut answer = hyper::http::Response::new(HttpBody::default());
                    *answer.status_mut() = StatusCode::IM_A_TEAPOT;
                    return Ok(answer);
                }
                if query.contains("fails") {
                    return Err(koio::middleware::BoxError::from("a secret"));
                }
                inner.oneshot(request).await
            }
        })
    });
    let io = Io::new()
        .http_layer(gate)
        .http_layer(ServiceBuilder::new().timeout(SHORT));
    let server = serve(io).await;
    let target = server.target();
    for (name, status) in [("&closed", 418), ("&fails", 500), ("", 200)] {
        let answer = http::get(target.addr, &format!("{}{name}", target.polling())).await;
        assert_eq!(answer.status, status, "{name}");
        assert!(!answer.text().contains("secret"));
        let path = format!("{}{name}", target.websocket());
        let (_, answer) = RawWebSocket::ask(target, &path, &RawWebSocket::HEADERS).await;
        let expected = if status == 200 { 101 } else { status };
        assert_eq!(answer.expect("an answer").status, expected, "{name}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    // A poll that a layer gives up: its session ends, as if the client had hung up.
    let mut session = Polling::open(target).await;
    session.send("40").await;
    session.get().await;
    assert_eq!(session.get().await.status, 503);
    let engine = server.handle.clone();
    until("the session to end", || {
        engine.counts().requests_dropped == 1
    })
    .await;
}

#[tokio::test]
async fn in_axum_layers_work_as_on_koios_own_listener() {
    let record = Record::default();
    let io = Io::new()
        .handlers(handlers![who])
        .keep_extension::<User>()
        .http_layer(noting(record.clone(), "layer"));
    let app = Router::new().layer(io.into_layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = Target::socket_io(listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    for transport in BOTH {
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["who"]"#).await;
        client.expect(r#"431["layer"]"#).await;
        client.close().await;
    }
    assert_eq!(record.lines()[..2], ["layer GET false", "layer 200"]);
    assert_eq!(http::get(target.addr, "/other").await.status, 404);
}

#[tokio::test]
async fn each_answer_has_the_programs_headers_refusals_and_preflights_too() {
    const PAGE: &str = "http://page.example";
    let mut scene = Scene::with(|io| {
        io.allow_origin(PAGE).headers(|parts, headers| {
            let method = HeaderValue::from_str(parts.method.as_str());
            headers.insert("x-method", method.expect("a value"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
            headers.insert("vary", HeaderValue::from_static("Cookie"));
            // koio's.
            headers.insert("content-length", HeaderValue::from_static("1"));
        })
    })
    .await;
    let target = scene.target();
    let mut http = Http::connect(target.addr).await;
    let opened = http.get(&target.polling()).await;
    let path = target.polling_of(&Open::read(opened.text()).sid);
    let origin = ("Origin", PAGE);
    let ask = ("Access-Control-Request-Method", "POST");
    let request = async |method, path: &str, headers: &[(&str, &str)]| {
        http::request(target.addr, method, path, headers).await
    };
    for (answer, method, status, cors) in [
        (opened, "GET", 200, false),
        (http.post(&path, "40").await, "POST", 200, false),
        (http.get(&path).await, "GET", 200, false),
        (
            request("GET", &target.polling(), &[origin]).await,
            "GET",
            200,
            true,
        ),
        (
            request("OPTIONS", &path, &[origin, ask]).await,
            "OPTIONS",
            204,
            true,
        ),
        (request("PUT", &path, &[]).await, "PUT", 405, false),
        (
            request("GET", &path, &[("Origin", "http://evil.example")]).await,
            "GET",
            403,
            false,
        ),
        (
            request("GET", &target.with("EIO=3"), &[]).await,
            "GET",
            400,
            false,
        ),
    ] {
        assert_eq!(answer.status, status);
        assert_eq!(all(&answer, "x-method"), [method]);
        assert_eq!(all(&answer, "cache-control"), ["private"]);
        let vary = if cors {
            &["Origin", "Cookie"][..]
        } else {
            &["Cookie"]
        };
        assert_eq!(all(&answer, "vary"), vary);
        assert_ne!(answer.header("content-length"), Some("1"));
    }
    http.post(&path, "1").await;
    scene.report().await;
    let (_, answer) = RawWebSocket::ask(target, &target.websocket(), &RawWebSocket::HEADERS).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 101);
    assert_eq!(all(&answer, "x-method"), ["GET"]);
    scene.end().await;
}

#[tokio::test]
async fn a_layer_that_panics_ends_its_connection_and_no_other() {
    let io = Io::new().http_layer(layer_fn(|inner: HttpPipeline| {
        service_fn(move |request: Request<RequestBody>| {
            let is_asked = request.uri().query().is_some_and(|it| it.contains("panic"));
            assert!(!is_asked, "as the test wants it");
            inner.clone().oneshot(request)
        })
    }));
    let server = serve(io).await;
    let target = server.target();
    let mut http = Http::connect(target.addr).await;
    http.send_get(&format!("{}&panic", target.polling())).await;
    http.ended().await;
    for transport in BOTH {
        Client::open(target, transport).await.close().await;
    }
    server.handle.shutdown(Duration::from_secs(5)).await;
}
