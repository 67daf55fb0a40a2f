//! A chat: names, public and private messages, groups, images, and what was said before.
//!
//! `events` is what clients can say, `chat` how a message travels, `people` who is who, `history` what is kept
//! of it and `journal` the file; `nodes` is what several chats tell each other; `limit` and `text` say how much is too much, and
//! `page` serves the page.
//!
//! ```sh
//! cargo run -p chat
//! ```
//!
//! Several are one chat on one Redis, whichever of them a page comes to:
//!
//! ```sh
//! REDIS_URL=redis://127.0.0.1 cargo run -p chat
//! REDIS_URL=redis://127.0.0.1 PORT=3001 cargo run -p chat    # in another terminal
//! ```
//!
//! `PORT` is where it listens, 3000 if not set. With `HISTORY_FILE`, what was said is also in that file and
//! survives a restart; without it, it is in memory only. With `CLIENT_DIR`, the `dist` folder of the npm package
//! `socket.io-client`, the page also runs on the official client: open it with `?client=official`.
#![expect(clippy::print_stderr, reason = "it has no log")]

mod chat;
mod events;
mod history;
mod journal;
mod limit;
mod message;
mod nodes;
mod page;
mod people;
mod text;

use koio::{Io, Result, cluster::Redis};
use std::env;
use tower::service_fn;

#[tokio::main]
async fn main() -> Result<()> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let page = page::Page::load();
    let chat = chat::Chat::open(env::var_os("HISTORY_FILE"))?;
    let mut io = Io::new()
        .max_payload(1_300_000) // bytes of a request: an image of 900,000, as base64
        .config(|config| {
            config.engine.send_queue_bytes = 8_000_000; // a few images wait for a slow reader
            config.engine.event_source = true;
        })
        .state(chat.clone())
        .wrap(limit::limit)
        .handlers(events::all())
        .on_error(|error, ctx| {
            if !error.is_shown() {
                eprintln!("{:?}: {error:?}", ctx.event()); // escaped: clients choose the names
            }
        })
        .attach(service_fn(move |request| page.clone().answer(request)));
    if let Some(dir) = env::var_os("CLIENT_DIR").filter(|dir| !dir.is_empty()) {
        io = io.serve_client(dir);
    }
    let address = format!("127.0.0.1:{port}");
    let Some(redis) = env::var("REDIS_URL").ok().filter(|url| !url.is_empty()) else {
        return io.listen(address).await;
    };
    let several = nodes::hear(io.cluster(Redis::new(redis)));
    let server = several.bind(address).await?;
    tokio::spawn(nodes::follow(server.handle(), chat));
    server.run_until_signal().await
}
