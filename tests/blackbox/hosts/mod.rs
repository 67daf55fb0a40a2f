//! koio inside other servers: axum, plain hyper, and with something else attached to its own.

mod http2;
mod mounts;
mod told;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::map_request;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use koio::engine::PeerAddr;
use koio::server::KoioService;
use koio::{Context, Io, IoHandle, handlers, on};
use koio_tests::{Client, Polling, Received, Target, Transport, WebSocket, client, serve, within};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::listeners::address;

/// What the routes and the handlers of a server share.
#[derive(Default)]
struct Hits(AtomicUsize);

impl Hits {
    fn hit(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[on("hit")]
async fn hit(hits: koio::State<Arc<Hits>>) -> usize {
    hits.hit()
}

async fn page(State(hits): State<Arc<Hits>>) -> String {
    format!("hit {}", hits.hit())
}

fn koio(hits: &Arc<Hits>) -> Io {
    let io = Io::new().state(Arc::clone(hits));
    io.handlers(handlers![hit, address])
}

/// An axum server with koio in it.
struct Axum {
    target: Target,
    io: IoHandle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

/// Puts the address that axum knows where koio looks for it.
async fn tell_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(PeerAddr(peer));
    request
}

async fn axum_server(with_address: bool) -> Axum {
    let hits = Arc::default();
    let io = koio(&hits);
    let handle = io.handle();
    let mut app = Router::new()
        .route("/page", get(page))
        .with_state(hits)
        .layer(io.into_layer());
    if with_address {
        app = app.layer(map_request(tell_peer));
    }
    serve_app(app, handle).await
}

/// A port, and where the clients of the server on it connect to.
async fn a_port() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = Target::socket_io(listener.local_addr().expect("an address"));
    (listener, target)
}

/// Serves an axum app until the test ends.
pub(crate) async fn axum_target(app: Router) -> Target {
    let (listener, target) = a_port().await;
    tokio::spawn(async move { axum::serve(listener, app).await });
    target
}

async fn serve_app(app: Router, handle: IoHandle) -> Axum {
    let (listener, target) = a_port().await;
    let (stop, stopped) = oneshot::channel();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        stopped.await.ok();
    });
    let task = tokio::spawn(async move { serving.await });
    Axum {
        target,
        io: handle,
        stop,
        task,
    }
}

/// A polling session that is upgraded, with an event before, and one after.
async fn upgraded(target: Target) -> WebSocket {
    upgraded_with(target, r#"429["address"]"#, "439[").await
}

/// The same, with this event and the beginning of its answer.
async fn upgraded_with(target: Target, event: &str, expected: &str) -> WebSocket {
    let mut session = Polling::connect(target).await;
    session.begin_get().await;
    let mut socket = WebSocket::probe(&session).await;
    assert_eq!(session.polled().await.text(), "6");
    socket.send("5").await;
    // It has been upgraded when it answers.
    socket.send(event).await;
    let answer = socket.text().await;
    assert!(answer.starts_with(expected), "{answer}");
    socket
}

/// Both transports and the upgrade reach the same server and the same state.
async fn assert_serves(target: Target) {
    for (number, transport) in client::BOTH.into_iter().enumerate() {
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["hit"]"#).await;
        client.expect(&format!("431[{}]", number + 1)).await;
        client.close().await;
    }
    let mut socket = upgraded(target).await;
    socket.send(r#"421["hit"]"#).await;
    socket.expect("431[3]").await;
    socket.close().await;
}

#[tokio::test]
async fn in_axum_polling_websocket_upgrade_and_the_routes_share_a_port_and_a_state() {
    let server = axum_server(true).await;
    assert_serves(server.target).await;
    let response = koio_tests::http::get(server.target.addr, "/page").await;
    assert_eq!((response.status, response.text()), (200, "hit 4"));
    let response = koio_tests::http::get(server.target.addr, "/nothing").await;
    assert_eq!(response.status, 404);
    // Beside the path, not under it.
    let response = koio_tests::http::get(server.target.addr, "/socket.iox/").await;
    assert_eq!(response.status, 404);
}

#[tokio::test]
async fn in_axum_the_address_of_the_peer_is_known_with_connect_info() {
    for (with_address, expected) in [(true, r#"431["127.0.0.1"]"#), (false, "431[null]")] {
        let server = axum_server(with_address).await;
        for transport in client::BOTH {
            let mut client = Client::connect(server.target, transport).await;
            client.send(r#"421["address"]"#).await;
            client.expect(expected).await;
        }
    }
}

#[tokio::test]
async fn in_axum_a_shutdown_of_koio_and_then_of_axum_ends_the_server() {
    let server = axum_server(false).await;
    let mut clients = Vec::new();
    for transport in client::BOTH {
        clients.push(Client::connect(server.target, transport).await);
    }
    let mut upgraded = upgraded(server.target).await;
    server.io.broadcast("last", ()).expect("nobody's fault");
    let io = server.io.clone();
    let ending = tokio::spawn(async move { io.shutdown(Duration::from_secs(10)).await });
    for mut client in clients {
        client.expect(r#"42["last"]"#).await;
        assert!(matches!(client.next().await, Received::End(_)));
    }
    upgraded.expect(r#"42["last"]"#).await;
    assert_eq!(upgraded.ended().await, Some(1001));
    drop(upgraded);
    let drained = within("a shutdown", ending).await.expect("a shutdown");
    assert_eq!((drained.answered, drained.cut), (3, 0));
    // axum still serves its own, and koio no new client.
    let response = koio_tests::http::get(server.target.addr, "/page").await;
    assert_eq!(response.status, 200);
    let response = koio_tests::http::get(server.target.addr, &server.target.polling()).await;
    assert_eq!(response.status, 503);
    server.stop.send(()).expect("a server");
    within("axum to end", server.task)
        .await
        .expect("no panic")
        .expect("no error");
}

/// Emits to a client that waits for it on the thread of the server, so that nothing else has a turn.
#[cfg(not(koio_slow_twins))]
async fn assert_written_by_emitter(target: Target, io: &IoHandle) {
    use koio_tests::{Bare, Frame};
    use std::io::Read as _;

    let stream = Bare::connect(target.addr).await.into_stream();
    let mut stream = stream.into_std().expect("a stream");
    stream.set_nonblocking(false).expect("a stream that waits");
    let patience = Some(Duration::from_secs(5));
    stream.set_read_timeout(patience).expect("a timeout");
    io.broadcast("news", 1).expect("an emit");
    let expected = Frame::text(r#"42["news",1]"#).unmasked().bytes();
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).expect("what was emitted");
    assert_eq!(bytes, expected);
}

// Its slow twin leaves the write to the session's task.
#[cfg(not(koio_slow_twins))]
#[tokio::test]
async fn on_a_bare_connection_the_emitter_writes() {
    let own = serve(koio(&Arc::default())).await;
    assert_written_by_emitter(own.target(), &own.handle).await;
    let axum = axum_server(false).await;
    assert_written_by_emitter(axum.target, &axum.io).await;
    let io = koio(&Arc::default());
    let handle = io.handle();
    let hyper = hyper_server(io).await;
    assert_written_by_emitter(hyper, &handle).await;
}

/// koio as a service of a server that runs `connection` for each of its connections.
async fn service_target<F>(
    io: Io,
    connection: impl Fn(TokioIo<TcpStream>, TowerToHyperService<KoioService>) -> F + Send + 'static,
) -> Target
where
    F: Future<Output: Send> + Send + 'static,
{
    let service = io.into_service();
    let (listener, target) = a_port().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(connection(TokioIo::new(stream), service));
        }
    });
    target
}

/// koio as a service of a server that speaks HTTP/1.1 and HTTP/2, without TLS.
async fn auto_server(io: Io) -> Target {
    service_target(io, |stream, service| async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let connection = builder.serve_connection_with_upgrades(stream, service);
        connection.await.ok();
    })
    .await
}

/// koio as a service of hyper's own server.
async fn hyper_server(io: Io) -> Target {
    service_target(io, |stream, service| {
        let connection = http1::Builder::new().serve_connection(stream, service);
        connection.with_upgrades()
    })
    .await
}

#[tokio::test]
async fn as_a_service_it_runs_under_plain_hyper() {
    let target = hyper_server(koio(&Arc::default())).await;
    assert_serves(target).await;
    let response = koio_tests::http::get(target.addr, "/").await;
    assert_eq!((response.status, response.text()), (404, ""));
    let mut client = Client::connect(target, Transport::WebSocket).await;
    client.send(r#"421["address"]"#).await;
    client.expect("431[null]").await;
}

#[tokio::test]
async fn what_is_attached_answers_beside_koio() {
    let hits = Arc::default();
    let attached = tower::service_fn(
        |request: hyper::Request<hyper::body::Incoming>| async move {
            let page = format!("{} {}", request.method(), request.uri().path());
            Ok::<_, Infallible>(hyper::Response::new(page))
        },
    );
    let server = serve(koio(&hits).attach(attached)).await;
    assert_serves(server.target()).await;
    for path in ["/", "/page", "/socket.iox/", "/SOCKET.IO/"] {
        let response = koio_tests::http::get(server.addr, path).await;
        let expected = format!("GET {path}");
        assert_eq!((response.status, response.text()), (200, expected.as_str()));
    }
    // koio's own server tells the address itself.
    let mut client = Client::connect(server.target(), Transport::Polling).await;
    client.send(r#"421["address"]"#).await;
    client.expect(r#"431["127.0.0.1"]"#).await;
}

#[tokio::test]
async fn an_attached_service_that_fails_costs_its_own_request_only() {
    let hits = Arc::default();
    let attached = tower::service_fn(|_: hyper::Request<hyper::body::Incoming>| async {
        Err::<hyper::Response<String>, _>(std::io::Error::other("out of order"))
    });
    let server = serve(koio(&hits).attach(attached)).await;
    let mut client = Client::connect(server.target(), Transport::WebSocket).await;
    let mut http = koio_tests::Http::connect(server.addr).await;
    http.send_get("/page").await;
    let answer = http.response().await;
    assert!(answer.is_none_or(|answer| answer.status >= 500));
    client.send(r#"421["hit"]"#).await;
    client.expect("431[1]").await;
}

#[tokio::test]
async fn two_servers_in_one_program_share_nothing() {
    let (one, two) = (Arc::default(), Arc::default());
    let outer = koio(&two).path("/second");
    let second = outer.handle();
    let inner = koio(&one);
    let first = inner.handle();
    let app: Router = Router::new()
        .layer(inner.into_layer())
        .layer(outer.into_layer());
    let target = axum_target(app).await;
    let other = Target {
        path: "/second/",
        ..target
    };
    let mut of_one = Client::connect(target, Transport::WebSocket).await;
    let mut of_two = Client::connect(other, Transport::WebSocket).await;
    first.broadcast("first", ()).expect("an emit");
    second.broadcast("second", ()).expect("an emit");
    of_one.expect(r#"42["first"]"#).await;
    of_two.expect(r#"42["second"]"#).await;
    of_one.send(r#"421["hit"]"#).await;
    of_one.expect("431[1]").await;
    of_two.send(r#"421["hit"]"#).await;
    of_two.expect("431[1]").await;
}

#[on("bounce")]
async fn bounce(ctx: Context, args: koio::Args) -> koio::Result<()> {
    ctx.emit("bounced", args)
}

#[on("disconnect")]
async fn left(reason: koio::CloseReason, reports: koio::State<Reports>) {
    reports.0.send(reason).ok();
}

struct Reports(tokio::sync::mpsc::UnboundedSender<koio::CloseReason>);

/// In another server a poll's answer that is cut, or not taken in time, ends the session.
#[tokio::test]
async fn inside_axum_a_session_ends_whose_answer_is_not_read() {
    let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let io = Io::new()
        .state(Reports(sender))
        .handlers(handlers![bounce, left])
        .max_payload(4_000_000)
        .config(|config| {
            config.engine.write_timeout = Duration::from_millis(400);
            config.engine.send_queue_bytes = 8_000_000;
            config.engine.send_queue_hard = 16_000_000;
        });
    let handle = io.handle();
    let app = Router::new().layer(io.into_layer());
    let (listener, target) = a_port().await;
    let task = tokio::spawn(async move { axum::serve(listener, app).await });
    for resets in [false, true] {
        let mut session = Polling::connect(target).await;
        let text = "x".repeat(3_900_000);
        session.send(format!(r#"42["bounce","{text}"]"#)).await;
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("SO_RCVBUF");
        let mut stream = socket.connect(target.addr).await.expect("a connection");
        let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", session.path());
        let sent = tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await;
        sent.expect("a server that reads");
        let mut byte = [0];
        let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await;
        read.expect("an answer");
        let kept = if resets { None } else { Some(stream) };
        let reason = within("a disconnect handler", reports.recv()).await;
        assert_eq!(reason, Some(koio::CloseReason::TransportError), "{resets}");
        session.assert_gone().await;
        drop(kept);
    }
    assert_eq!(handle.counts().answers_cut, 2);
    task.abort();
}
