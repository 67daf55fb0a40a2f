//! A server written with socketioxide 0.18 and axum, and the same with koio: a comment is the line that was there, above
//! what took its place. Lines without a comment above them are the same in both, or had no counterpart.
//!
//! ```sh
//! cargo run -p socketioxide-port
//! ```
//!
//! It is the chat that Socket.IO's own tutorial ends with. The client is the same for both
//! (`npm install socket.io-client`):
//!
//! ```js
//! const socket = require('socket.io-client')('http://127.0.0.1:3000')
//! socket.on('login', ({ numUsers }) => console.log('users:', numUsers))
//! socket.emit('add user', 'ann')
//! socket.emit('new message', 'nobody hears me', console.log)
//! socket.emit('new message', { not: 'a text' }, ({ error }) => console.log(error.code))
//! ```
//!
//! What is not the same: events of one client are handled in order, so `new message` behind `add user` finds the name;
//! what does not fit is answered, where socketioxide logs it and the client waits; and there is no `.ok()` on an emit, which
//! neither waits nor fails for somebody else's connection. `PORT` overrides 3000.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
// use socketioxide::SocketIo;
use koio::{Context, Error, FromEvent, Io, Result, State, handlers, on, shutdown_signal};
// use socketioxide::extract::{Data, Extension, SocketRef, State};
use koio::Args;
use serde::Serialize;
use tokio::net::TcpListener;

// #[derive(Clone, Default)]
// struct Users(Arc<AtomicUsize>);
#[derive(Default)]
struct Users(AtomicUsize);

// #[derive(Clone)]
// struct Name(String);
struct Name(String);

// Extension(name): Extension<Name>
struct Me(Arc<Name>);

impl FromEvent for Me {
    async fn from_event(ctx: &Context, _: &mut Args) -> Result<Self> {
        let name = ctx.socket().get::<Name>().map(Self);
        name.ok_or_else(|| Error::new("no_name", "say `add user` first"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    num_users: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Joined<'a> {
    username: &'a str,
    num_users: usize,
}

#[derive(Serialize)]
struct Said<'a> {
    username: &'a str,
    message: String,
}

#[derive(Serialize)]
struct Who<'a> {
    username: &'a str,
}

// socket.on("new message", new_message);
#[on("new message")]
// async fn new_message(s: SocketRef, Data(message): Data<String>, Extension(name): Extension<Name>) {
async fn new_message(ctx: Context, message: String, me: Me) -> Result<()> {
    let username = &me.0.0;
    // let said = Said { username: name.0, message };
    let said = Said { username, message };
    // s.broadcast().emit("new message", &said).await.ok();
    ctx.broadcast("new message", said)
}

// socket.on("add user", add_user);
#[on("add user")]
// async fn add_user(s: SocketRef, Data(username): Data<String>, State(users): State<Users>) {
async fn add_user(ctx: Context, username: String, users: State<Users>) -> Result<()> {
    // if s.extensions.get::<Name>().is_some() {
    if ctx.socket().get::<Name>().is_some() {
        // return;
        return Ok(());
    }
    // let num_users = users.0.fetch_add(1, Ordering::SeqCst) + 1;
    let num_users = users.0.fetch_add(1, Ordering::SeqCst) + 1;
    // s.extensions.insert(Name(username.clone()));
    ctx.socket().set(Name(username.clone()));
    // s.emit("login", &Count { num_users }).ok();
    ctx.emit("login", Count { num_users })?;
    let username = &username;
    // let joined = Joined { username, num_users };
    let joined = Joined {
        username,
        num_users,
    };
    // s.broadcast().emit("user joined", &joined).await.ok();
    ctx.broadcast("user joined", joined)
}

// socket.on("typing", typing);
#[on("typing")]
// async fn typing(s: SocketRef, Extension(name): Extension<Name>) {
async fn typing(ctx: Context, me: Me) -> Result<()> {
    // s.broadcast().emit("typing", &Who { username: name.0 }).await.ok();
    let username = &me.0.0;
    ctx.broadcast("typing", Who { username })
}

// socket.on("stop typing", stop_typing);
#[on("stop typing")]
// async fn stop_typing(s: SocketRef, Extension(name): Extension<Name>) {
async fn stop_typing(ctx: Context, me: Me) -> Result<()> {
    // s.broadcast().emit("stop typing", &Who { username: name.0 }).await.ok();
    let username = &me.0.0;
    ctx.broadcast("stop typing", Who { username })
}

// socket.on_disconnect(left);
#[on("disconnect")]
// async fn left(s: SocketRef, State(users): State<Users>, Extension(name): Extension<Name>) {
async fn left(ctx: Context, users: State<Users>) -> Result<()> {
    let Some(name) = ctx.socket().get::<Name>() else {
        return Ok(()); // socketioxide does not call a handler whose extension is missing
    };
    // let num_users = users.0.fetch_sub(1, Ordering::SeqCst) - 1;
    let num_users = users.0.fetch_sub(1, Ordering::SeqCst) - 1;
    let username = &name.0;
    // let left = Joined { username: name.0, num_users };
    let left = Joined {
        username,
        num_users,
    };
    // s.broadcast().emit("user left", &left).await.ok();
    ctx.broadcast("user left", left)
}

#[tokio::main]
async fn main() -> Result<()> {
    // let (layer, io) = SocketIo::builder().with_state(Users::default()).build_layer();
    let io = Io::new().state(Users::default()).handlers(handlers![
        // io.ns("/", on_connect);
        new_message,
        add_user,
        typing,
        stop_typing,
        left
    ]);
    let handle = io.handle();
    // let app = Router::new().layer(layer);
    let app = Router::new().layer(io.into_layer());
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    // let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    let stop = async move {
        shutdown_signal().await;
        handle.shutdown(std::time::Duration::from_secs(10)).await;
    };
    // axum::serve(listener, app).await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await?;
    Ok(())
}
