//! The Socket.IO v5 suite: 32 cases.

mod engine_io;
mod lifecycle;
mod message;

use koio::{Args, Context, Io, Namespace, handlers, on};
use koio_tests::{Running, WebSocket};

use super::{CONNECT_TIMEOUT, PING_INTERVAL, PING_TIMEOUT};

#[on("connection")]
async fn connected(ctx: Context) -> koio::Result<()> {
    let auth: serde_json::Value = ctx.socket().handshake().auth()?;
    ctx.emit("auth", auth)
}

#[on("message")]
async fn send_back(ctx: Context, args: Args) -> koio::Result<()> {
    ctx.emit("message-back", args)
}

#[on("message-with-ack")]
async fn answer(args: Args) -> Args {
    args
}

/// The server that the suite asks for.
async fn server() -> Running {
    let custom = Namespace::new().handlers(handlers![connected]);
    let io = Io::new()
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .handlers(handlers![connected, send_back, answer])
        .namespace("/custom", custom);
    koio_tests::serve(io).await
}

/// A fresh server and a WebSocket session on it.
async fn session() -> (Running, WebSocket) {
    let server = server().await;
    let (socket, _) = WebSocket::session(server.target()).await;
    (server, socket)
}

/// Sends this CONNECT, expects an answer with nothing but a sid, and returns the next packet.
async fn join(socket: &mut WebSocket, connect: &str, answer: &str) -> String {
    socket.send(connect).await;
    let text = socket.text().await;
    let json = text
        .strip_prefix(answer)
        .unwrap_or_else(|| panic!("{connect} was answered {text}"));
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).expect("an object");
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["sid"]);
    assert!(fields["sid"].is_string());
    socket.text().await
}

/// A fresh server and a connection to `/` that has had its `auth` event.
async fn connection() -> (Running, WebSocket) {
    let (server, mut socket) = session().await;
    join(&mut socket, "40", "40").await;
    (server, socket)
}
