//! The onion: what stands around a handler, from the outside in.
//!
//! ```sh
//! cargo run -p onion
//! ```
//!
//! ```js
//! const io = require('socket.io-client'), url = 'http://127.0.0.1:3000'
//! const socket = io(url)
//! socket.emit('divide', 6, 3, console.log)
//! socket.emit('divide', 6, 0, console.log)
//! socket.emit('number', 'six', console.log)
//! for (let i = 0; i < 4; i++) socket.emit('greet', console.log)
//! socket.emit('sleep', 60000, console.log)
//! io(url + '/admin').on('connect_error', error => console.log(error.message))
//! io(url + '/admin', { auth: { key: 'sesame' } }).emit('count', console.log)
//! ```
//!
//! `PORT` overrides 3000, and `TIMEOUT` the milliseconds that an event may take, 1000.
#![expect(clippy::print_stdout, reason = "it says what happens")]

mod limit;
#[cfg(test)]
mod tests;

use std::{
    env, fmt,
    time::{Duration, Instant},
};

use koio::{Context, Error, Io, Namespace, Next, Reply, Result, ensure, handlers, on};
use limit::at_most;
use serde::Deserialize;
use tower::timeout::TimeoutLayer;

/// Around every event of every namespace, connection and disconnect included: the handler runs inside.
async fn timing(ctx: Context, next: Next) -> Result<Reply> {
    let started = Instant::now();
    let reply = next.run().await;
    println!("{:?} took {:?}", ctx.event(), started.elapsed());
    reply
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

/// Around a namespace. An error on the way to `connection` refuses the client.
async fn key_holders(ctx: Context, next: Next) -> Result<Reply> {
    let key = ctx.handshake().auth::<Key>();
    let fits = key.is_ok_and(|auth| auth.key == "sesame");
    ensure!(fits, "key", "the key does not fit");
    next.run().await
}

/// Around one handler: a caught error is an answer like any other. koa: `try { await next() } catch (error) { .. }`.
async fn caught(ctx: Context, next: Next) -> Result<Reply> {
    let reply = next.run().await;
    reply.or_else(|error| {
        ctx.report(&error); // or the observers would not hear of it
        Ok(Reply::new(format!("sorry: {error}")))
    })
}

#[on("greet", wrap = [caught, at_most::<3>])] // the first is the outermost
async fn greet() -> &'static str {
    "hello"
}

/// An error of the program's own. `map_error` says what a client may know of it.
#[derive(Debug)]
struct NoQuotient;

impl fmt::Display for NoQuotient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no quotient")
    }
}

impl std::error::Error for NoQuotient {}

#[on("divide")]
async fn divide(a: i32, b: i32) -> Result<i32, NoQuotient> {
    a.checked_div(b).ok_or(NoQuotient)
}

/// Any other error is none of the client's business: it is told `internal`, the observer is told all.
#[on("number")]
async fn number(text: String) -> Result<u32> {
    Ok(text.parse()?)
}

#[on("sleep")]
async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[on("count")]
async fn count(ctx: Context) -> usize {
    ctx.io().sockets().len()
}

/// What `main` serves, and what the tests connect to.
fn app(timeout: Duration) -> Io {
    Io::new()
        // Outside all middleware: when it is over, so are they, and `timing` says nothing.
        .layer(TimeoutLayer::new(timeout))
        .wrap(timing)
        .handlers(handlers![greet, divide, number, sleep])
        .namespace(
            "/admin",
            Namespace::new()
                .wrap(key_holders)
                .handlers(handlers![count]),
        )
        .map_error::<NoQuotient>(|error| Error::new("no_quotient", error.to_string()))
        .on_error(|error, ctx| println!("{:?} failed: {error:?}", ctx.event()))
}

#[tokio::main]
async fn main() -> Result<()> {
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let timeout: u64 = env::var("TIMEOUT").map_or(Ok(1000), |ms| ms.parse())?;
    app(Duration::from_millis(timeout))
        .listen(("127.0.0.1", port))
        .await
}
