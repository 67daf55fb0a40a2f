//! koio with default options inside axum, over TLS, on a port with HTTP/1.1 and HTTP/2. It says where it listens.
//!
//! `KOIO_AXUM_CLIENT` is the file of the client that its page loads. With `KOIO_AXUM_CONNECT=yes` a WebSocket may be a
//! stream of HTTP/2 (RFC 8441), as under `axum::serve`; otherwise it may not, as under hyper-util's default options.
//! `/seen` answers with what came to koio, a line for each: a request, by version, method and transport, or the end of a
//! connection, by its reason.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::map_request_with_state;
use axum::response::Html;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use koio::{Args, CloseReason, Context, Io, handlers, on};
use koio_tests::Certificate;
use tokio::net::TcpListener;

#[on("echo")]
async fn echo(args: Args) -> Args {
    args
}

#[on("bounce")]
async fn bounce(ctx: Context, args: Args) -> koio::Result<()> {
    ctx.emit("bounced", args)
}

#[on("disconnect")]
async fn left(reason: CloseReason, seen: koio::State<Seen>) {
    seen.lock()
        .expect("a lock")
        .push(format!("left {reason:?}"));
}

type Seen = Arc<Mutex<Vec<String>>>;

async fn see(State(seen): State<Seen>, request: Request) -> Request {
    if request.uri().path().starts_with("/socket.io/") {
        let (version, method) = (request.version(), request.method());
        let query = request.uri().query().unwrap_or_default();
        let transport = query
            .split('&')
            .find_map(|one| one.strip_prefix("transport="));
        let line = format!("{version:?} {method} {}", transport.unwrap_or("-"));
        seen.lock().expect("a lock").push(line);
    }
    request
}

async fn seen(State(seen): State<Seen>) -> String {
    seen.lock().expect("a lock").join("\n")
}

async fn page() -> Html<&'static str> {
    Html("<!doctype html><link rel=icon href=data:,><script src=/client.js></script>")
}

async fn client() -> ([(&'static str, &'static str); 1], String) {
    let file = std::env::var("KOIO_AXUM_CLIENT").expect("KOIO_AXUM_CLIENT");
    let script = std::fs::read_to_string(file).expect("a file");
    ([("content-type", "text/javascript")], script)
}

#[tokio::main]
async fn main() {
    let requests = Seen::default();
    let io = Io::new().state(Arc::clone(&requests));
    let io = io.handlers(handlers![echo, bounce, left]);
    let app = Router::new()
        .route("/", get(page))
        .route("/client.js", get(client))
        .route("/seen", get(seen))
        .with_state(Arc::clone(&requests))
        .layer(io.into_layer())
        .layer(map_request_with_state(requests, see));
    let mut server = auto::Builder::new(TokioExecutor::new());
    if std::env::var("KOIO_AXUM_CONNECT").is_ok_and(|value| value == "yes") {
        server.http2().enable_connect_protocol();
    }
    let tls = Certificate::new().acceptor(&[b"h2", b"http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    eprintln!("listening on https://{address}");
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, server) = (tls.clone(), server.clone());
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            // Browsers open connections that they give up.
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
            connection.await.ok();
        });
    }
}
