//! A server written with koa and koa-socket, and the same in Rust: every comment below is a line of the JavaScript,
//! above the Rust that took its place.
//!
//! ```sh
//! cargo run -p koa-socket-port
//! ```
//!
//! The client is the same for both (`npm install socket.io-client`):
//!
//! ```js
//! const socket = require('socket.io-client')('http://127.0.0.1:3000')
//! socket.on('msg1', console.log)
//! socket.on('allmessage', console.log)
//! socket.on('private', console.log)
//! socket.emit('login', { id: 'ann' })
//! socket.emit('sendMsg', { newAccount: 'hello' })
//! socket.emit('private', { to: 'ann', text: 'to myself' }, console.log)
//! ```
//!
//! What is not the same: handlers run inside the middleware, which koa-socket has finished with by then; and what a
//! client sends has the types of the handler, or the client is answered `bad_request`. `PORT` overrides 3000.
#![expect(clippy::print_stdout, reason = "so does the JavaScript")]

// const Koa = require('koa')
use http::{Request, Response};
use hyper::body::Incoming;
use tower::service_fn;
// const IO = require('koa-socket')
use koio::{Context, Io, Next, Reply, Result, SocketId, State, handlers, on};
use serde::Deserialize;
use std::{collections::HashMap, convert::Infallible, env, sync::Mutex, sync::PoisonError};

#[tokio::main]
async fn main() -> Result<()> {
    // const app = new Koa()
    // app.use(ctx => { ctx.body = 'koa' })
    let app = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new("koa".to_owned()))
    });
    // const io = new IO()
    let io = Io::new()
        .state(Users::default())
        // io.use(log)
        .wrap(log)
        .handlers(handlers![connected, disconnected, login, send_msg, private])
        // io.attach(app)
        .attach(app);
    // const port = process.env.PORT || 3000
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    // app.listen(port); console.log('http://127.0.0.1:' + port)
    io.listen(("127.0.0.1", port)).await
}

// const users = {}
#[derive(Default)]
struct Users(Mutex<HashMap<String, SocketId>>);

impl Users {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, SocketId>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    // const forget = id => { for (const name in users) if (users[name] === id) delete users[name] }
    fn forget(&self, id: SocketId) {
        self.with(|users| users.retain(|_, user| *user != id));
    }
}

// async function log (ctx, next) {
async fn log(ctx: Context, next: Next) -> Result<Reply> {
    // console.log(ctx.event)
    println!("{:?}", ctx.event());
    // await next()
    next.run().await
} // }

// app._io.on('connection', socket => {
#[on("connection")]
async fn connected(ctx: Context) {
    // console.log(socket.id + ' connected')
    println!("{} connected", ctx.socket().id());
}

//   socket.on('disconnect', () => forget(socket.id))
// })
#[on("disconnect")]
async fn disconnected(ctx: Context, users: State<Users>) {
    users.forget(ctx.socket().id());
}

#[derive(Deserialize)]
struct Login {
    id: String,
}

// io.on('login', ctx => {
#[on("login")]
async fn login(ctx: Context, data: Login, users: State<Users>) {
    // forget(ctx.socket.id)
    users.forget(ctx.socket().id());
    // users[ctx.data.id] = ctx.socket.id
    users.with(|users| users.insert(data.id, ctx.socket().id()));
} // })

#[derive(Deserialize)]
struct SendMsg {
    #[serde(rename = "newAccount")]
    new_account: String,
}

// io.on('sendMsg', ctx => {
#[on("sendMsg")]
async fn send_msg(ctx: Context, data: SendMsg) -> Result<()> {
    // app._io.emit('msg1', 'I come from the server')
    ctx.io().emit("msg1", "I come from the server")?;
    // app._io.emit('allmessage', ctx.data.newAccount)
    ctx.io().emit("allmessage", data.new_account)
} // })

#[derive(Deserialize)]
struct Private {
    to: String,
    text: String,
}

// io.on('private', ctx => {
#[on("private")]
async fn private(ctx: Context, data: Private, users: State<Users>) -> Result<bool> {
    // const socketid = users[ctx.data.to]
    let socketid = users.with(|users| users.get(&data.to).copied());
    // if (!socketid) return ctx.acknowledge(false)
    let Some(socketid) = socketid else {
        return Ok(false);
    };
    // app._io.to(socketid).emit('private', ctx.data.text)
    ctx.io().to(socketid).emit("private", data.text)?;
    // ctx.acknowledge(true)
    Ok(true)
} // })
