#![deny(unused_must_use)]

use koio::{Context, Next, Reply, Result};

async fn forgotten(_ctx: Context, next: Next) -> Result<Reply> {
    let reply = next.run();
    reply
}

async fn dropped(_ctx: Context, next: Next) -> Result<Reply> {
    next.run();
    Err(koio::Error::new("tea", "short and stout"))
}

fn main() {
    let _ = koio::Io::new().wrap(forgotten).wrap(dropped);
}
