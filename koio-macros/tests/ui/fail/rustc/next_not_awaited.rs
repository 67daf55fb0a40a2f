#![deny(unused_must_use)]

use koio::{Context, Error, Next, Reply, Result};

async fn forgotten(_ctx: Context, next: Next) -> Result<Reply> {
    let reply = next.run();
    reply
}

async fn dropped(_ctx: Context, next: Next) -> Result<Reply> {
    next.run();
    Err(Error::new("tea", "short and stout"))
}

async fn unused(_ctx: Context, _next: Next) -> Result<Reply> {
    // Returning without `next` is a refusal, and allowed.
    Err(Error::new("tea", "short and stout"))
}

fn main() {
    let _ = koio::Namespace::new()
        .wrap(forgotten)
        .wrap(dropped)
        .wrap(unused);
}
