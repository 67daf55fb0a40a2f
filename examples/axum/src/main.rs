//! koio inside axum: routes and sockets on one port, one state, one login, one shutdown.
//!
//! ```sh
//! cargo run -p axum-example
//! curl -i -d ann http://127.0.0.1:3000/login    # sets the cookie `session`
//! curl http://127.0.0.1:3000/                   # who is there
//! curl http://127.0.0.1:3000/shout/hello        # everybody hears `said`
//! ```
//!
//! A Socket.IO client connects with the cookie of its login: a browser sends it by itself, elsewhere it is one of
//! `extraHeaders`. Without it the client gets `connect_error`. `PORT` overrides 3000.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

mod sessions;

use std::{env, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Request, State},
    http::{StatusCode, header::SET_COOKIE},
    middleware::map_request,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use koio::{
    Context, Io, IoHandle, Next, Reply, Result, Socket, args, bail, engine::PeerAddr, handlers, on,
};
use sessions::Sessions;
use tokio::net::TcpListener;

/// What the routes share: the sessions, which the handlers have as well, and a way to emit.
type App = (Arc<Sessions>, IoHandle);

/// Who a socket is.
struct User(String);

fn name(socket: &Socket) -> String {
    let user = socket.get::<User>();
    user.map_or_else(String::new, |user| user.0.clone())
}

/// Around `connection`: an error on the way in refuses the client.
async fn logged_in(ctx: Context, next: Next) -> Result<Reply> {
    let sessions = ctx.state::<Arc<Sessions>>()?;
    let Some(name) = sessions.name(ctx.handshake().headers()) else {
        bail!("login", "log in first");
    };
    ctx.socket().set(User(name));
    next.run().await
}

#[on("connection", wrap = [logged_in])]
async fn came(ctx: Context) {
    println!("{:?} came", ctx.handshake().address());
}

#[on("say")]
async fn say(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("said", args![name(ctx.socket()), text])
}

async fn login(State((sessions, _)): State<App>, name: String) -> impl IntoResponse {
    if name.is_empty() || name.len() > 40 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let Ok(secret) = sessions.open(&name) else {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    };
    // `Secure` as well, where there is TLS. Pages of other hosts can't use the cookie: koio looks at `Origin`.
    let cookie = format!("session={secret}; Path=/; HttpOnly; SameSite=Lax");
    Ok(([(SET_COOKIE, cookie)], format!("hello, {name}\n")))
}

async fn online(State((_, io)): State<App>) -> String {
    let sockets = io.sockets();
    let mut names: Vec<_> = sockets.iter().map(name).collect();
    names.sort_unstable();
    format!("{} online: {}\n", names.len(), names.join(", "))
}

async fn shout(State((_, io)): State<App>, Path(text): Path<String>) -> String {
    match io.broadcast("said", args!["somebody", text]) {
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
    let sessions = Arc::new(Sessions::default());
    let io = Io::new()
        .state(Arc::clone(&sessions))
        .handlers(handlers![came, say]);
    let handle = io.handle();
    let app = Router::new()
        .route("/", get(online))
        .route("/login", post(login))
        .route("/shout/{text}", get(shout))
        .with_state((sessions, handle.clone()))
        .layer(io.into_layer())
        // Outside koio, so that it comes first.
        .layer(map_request(peer));

    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true); // small messages leave at once
    });
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            koio::shutdown_signal().await;
            // koio first: axum waits for every request to end, and a poll ends only when its session does.
            handle.shutdown(Duration::from_secs(10)).await;
        })
        .await?;
    Ok(())
}
