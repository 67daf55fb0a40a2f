//! A chat: names, public and private messages, groups, images. `cargo run -p chat`, then open the
//! address that it prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to a terminal"
)]

mod events;
mod page;
mod people;
mod text;

use koio::{Context, Io, Next, Reply, Result};
use page::Page;
use people::People;
use std::{env, time::Instant};
use tower::service_fn;

/// What one message may have, and so the size of an image.
const MAX_PAYLOAD: usize = 1_000_000;

/// koa: `async (ctx, next) => {}`. The name of an event is the client's, so it is printed escaped.
async fn timing(ctx: Context, next: Next) -> Result<Reply> {
    let (event, started) = (ctx.event().to_owned(), Instant::now());
    let reply = next.run().await;
    let outcome = reply
        .as_ref()
        .map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned());
    eprintln!("{event:?} {outcome} {:?}", started.elapsed());
    reply
}

#[tokio::main]
async fn main() -> Result<()> {
    let page = Page::load(env::var_os("CLIENT_DIR"))?;
    let port: u16 = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let server = Io::new()
        .max_payload(MAX_PAYLOAD)
        .state(People::default())
        .wrap(timing)
        .handlers(events::all())
        .attach(service_fn(move |request| page.clone().answer(request)))
        .bind(("127.0.0.1", port))
        .await?;
    println!("http://{}", server.local_addr());
    server.run().await
}
