//! A chat: names, public and private messages, groups, images.
//!
//! `PORT` is where it listens, 3000 if not set. With `CLIENT_DIR`, the `dist` folder of the npm package
//! `socket.io-client`, the page also runs on the official client: open it with `?client=official`.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

mod events;
mod page;
mod people;
mod text;

use koio::{Context, Io, Next, Reply, Result};
use std::{env, time::Instant};
use tower::service_fn;

/// koa: `async (ctx, next) => {}`
async fn timing(ctx: Context, next: Next) -> Result<Reply> {
    let (event, started) = (ctx.event().to_owned(), Instant::now());
    let reply = next.run().await;
    println!("{event:?} took {:?}", started.elapsed()); // escaped: clients choose the names of events
    reply
}

#[tokio::main]
async fn main() -> Result<()> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let page = page::Page::load(env::var_os("CLIENT_DIR"))?;
    let server = Io::new()
        .max_payload(1_000_000) // bytes of a message, and so of an image
        .state(people::People::default())
        .wrap(timing)
        .handlers(events::all())
        .attach(service_fn(move |request| page.clone().answer(request)))
        .bind(format!("127.0.0.1:{port}"))
        .await?;
    println!("http://{}", server.local_addr());
    server.run_until_signal().await
}
