//! koio inside axum: routes and sockets on one port, one state, one shutdown.
//!
//! ```sh
//! cargo run -p axum-example
//! ```
//!
//! It listens on `127.0.0.1:3000` (`PORT` overrides). `GET /` says how many people are online; a Socket.IO client
//! that connects counts as one, and `GET /shout/{text}` tells all of them.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Request, State},
    middleware::map_request,
    routing::get,
};
use koio::{Context, Io, IoHandle, Result, engine::PeerAddr, handlers, on};
use tokio::net::TcpListener;

/// What the routes and the handlers share.
#[derive(Default)]
struct Online(AtomicUsize);

#[on("connection")]
async fn came(ctx: Context, online: koio::State<Arc<Online>>) {
    online.0.fetch_add(1, Ordering::Relaxed);
    println!("{:?} came", ctx.handshake().address());
}

#[on("disconnect")]
async fn left(online: koio::State<Arc<Online>>) {
    online.0.fetch_sub(1, Ordering::Relaxed);
}

#[on("say")]
async fn say(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("said", text)
}

async fn count(State((online, _)): State<(Arc<Online>, IoHandle)>) -> String {
    format!("{} online\n", online.0.load(Ordering::Relaxed))
}

async fn shout(State((_, io)): State<(Arc<Online>, IoHandle)>, Path(text): Path<String>) -> String {
    match io.broadcast("said", text) {
        Ok(()) => "everybody was told\n".to_owned(),
        Err(error) => format!("{error}\n"),
    }
}

/// axum knows the peer's address as `ConnectInfo`; koio's `Handshake::address` reads it here.
async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(PeerAddr(peer));
    request
}

#[tokio::main]
async fn main() -> Result<()> {
    let online = Arc::new(Online::default());
    let io = Io::new()
        .state(Arc::clone(&online))
        .handlers(handlers![came, left, say]);
    let handle = io.handle();
    let app = Router::new()
        .route("/", get(count))
        .route("/shout/{text}", get(shout))
        .with_state((online, handle.clone()))
        .layer(io.into_layer())
        // Outside koio, so that it comes first.
        .layer(map_request(peer));

    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            // Without a signal to wait for, the server ends at once: better than one that can't be ended.
            let _ = tokio::signal::ctrl_c().await;
            // koio first: axum waits for every request to end, and a poll ends only when its session does.
            handle.shutdown(Duration::from_secs(10)).await;
        })
        .await?;
    Ok(())
}
