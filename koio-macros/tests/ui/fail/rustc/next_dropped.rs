#![deny(unused_must_use)]

use koio::{Context, Error, Next, Reply, Result};

async fn dropped(_ctx: Context, next: Next) -> Result<Reply> {
    next.run();
    Err(Error::new("tea", "short and stout"))
}

// Returning without `next` is how a middleware refuses, and no mistake.
async fn refused(_ctx: Context, _next: Next) -> Result<Reply> {
    Err(Error::new("tea", "short and stout"))
}

fn main() {
    let _ = koio::Namespace::new().wrap(dropped).wrap(refused);
}
