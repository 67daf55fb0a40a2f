//! A support desk. Customers open tickets; agents see them come, join one, and both chat, with files, a line that says who
//! types, and a list of who is online. A login of axum's, by cookie, in front.
//!
//! ```sh
//! cargo run -p desk
//! ```
//!
//! Open the printed address in two browsers, or in one and a private window of it: `ann` and `ben` are customers with the
//! password `tea`, `eve` and `sam` are agents with `staff`. The page takes Socket.IO's client from its CDN, or from the folder
//! that `CLIENT_DIR` names (`node_modules/socket.io-client/dist`). `PORT` overrides 3000, and `PREFIX` the path that all of it
//! is behind, `/support`. `RUST_LOG=info,koio=debug` says why a client was refused. `cargo test -p desk` needs no network.
//!
//! - `desk.rs`: users, tickets and files, and what can go wrong with them
//! - `guards.rs`: what stands around the handlers: the log, the login, roles, a rate limit, codes for errors
//! - `presence.rs`: who is online, with how many tabs
//! - `events.rs`: the handlers, and the [`Io`](koio::Io) of it all
#![expect(clippy::print_stdout, reason = "it says where it listens")]

mod desk;
mod events;
mod guards;
mod presence;
#[cfg(test)]
mod tests;

use std::{env, fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{
    Form, Router,
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, COOKIE, SET_COOKIE},
    },
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use desk::Desk;
use koio::{IoHandle, Result};
use serde::Deserialize;
use tokio::net::TcpListener;

/// The same build as that of the tests.
const CDN: &str = "https://cdn.socket.io/4.8.3/socket.io.esm.min.js";

/// What the routes share.
#[derive(Clone)]
struct App {
    desk: Arc<Desk>,
    io: IoHandle,
    /// The path of the page: the prefix and a slash.
    home: String,
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

/// The secret of a session, from the cookie.
fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies
        .split("; ")
        .find_map(|cookie| cookie.strip_prefix("session="))
}

/// Around everything, koio included: finds out who asks. koio keeps it for the handlers (`keep_extension`).
async fn who(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if let Some(user) = session(request.headers()).and_then(|secret| app.desk.user(secret)) {
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

async fn login(State(app): State<App>, Form(login): Form<Login>) -> Response {
    let secret = match app.desk.login(&login.name, &login.password) {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            return (StatusCode::UNAUTHORIZED, "wrong name or password\n").into_response();
        }
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    // `Secure` as well, where there is TLS. Pages of other hosts can't use the cookie: koio looks at `Origin`.
    let cookie = format!(
        "session={secret}; Path={}; HttpOnly; SameSite=Lax",
        app.home
    );
    ([(SET_COOKIE, cookie)], Redirect::to(&app.home)).into_response()
}

/// Ends all sessions of the user, and the connections that they have opened.
async fn logout(State(app): State<App>, headers: HeaderMap) -> Redirect {
    if let Some(user) = session(&headers).and_then(|secret| app.desk.user(secret)) {
        app.desk.logout(&user);
        let room = events::user_room(&user.name);
        for everywhere in [app.io.to(&room), app.io.of(events::AGENTS).to(&room)] {
            if let Err(error) = everywhere.disconnect_sockets() {
                tracing::warn!(%error, "a user is logged out, and not disconnected");
            }
        }
    }
    Redirect::to(&app.home)
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn client() -> Response {
    let Some(folder) = env::var_os("CLIENT_DIR") else {
        return Redirect::temporary(CDN).into_response();
    };
    match fs::read_to_string(Path::new(&folder).join("socket.io.esm.min.js")) {
        Ok(script) => ([(CONTENT_TYPE, "text/javascript")], script).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, format!("CLIENT_DIR: {error}\n")).into_response(),
    }
}

/// All of it, behind a path: `main` and the tests serve the same.
fn app(prefix: &str) -> (IoHandle, Router) {
    let desk = Arc::new(Desk::default());
    let io = events::io(Arc::clone(&desk))
        .path(format!("{prefix}/socket.io"))
        .peer_address(|parts| {
            let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            info.map(|info| info.0)
        });
    let handle = io.handle();
    let app = App {
        desk,
        io: handle.clone(),
        home: format!("{prefix}/"),
    };
    let router = Router::new()
        .route(&app.home, get(page))
        .route(&format!("{prefix}/client.js"), get(client))
        .route(&format!("{prefix}/login"), post(login))
        .route(&format!("{prefix}/logout"), post(logout))
        .with_state(app.clone())
        .layer(io.into_layer())
        // Outside koio, so that it comes first.
        .layer(middleware::from_fn_with_state(app, who));
    (handle, router)
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt::init();
    let prefix = env::var("PREFIX").unwrap_or_else(|_| "/support".to_owned());
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let (handle, app) = app(&prefix);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}{prefix}/", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true); // small messages leave at once
    });
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            koio::shutdown_signal().await;
            // koio first: axum waits for every request to end, and a poll ends only when its session does.
            let drained = handle.shutdown(Duration::from_secs(10)).await;
            tracing::info!(?drained, "stopped");
        })
        .await?;
    Ok(())
}
