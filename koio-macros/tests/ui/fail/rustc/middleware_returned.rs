use koio::{Context, Io, Middleware, Next, Reply, Result, middleware::BoxMiddleware};

fn without_impl() -> Middleware {
    |_ctx, next: Next| next.run()
}

fn without_next() -> impl Middleware {
    |_ctx: Context| async { Ok(Reply::new(1)) }
}

fn without_reply() -> impl Middleware {
    |_ctx, next| async move { println!("{}", next.run().await.is_ok()) }
}

async fn pass(_ctx: Context, next: Next) -> Result<Reply> {
    next.run().await
}

fn main() {
    // For lists: `compose` makes a function of them.
    let _ = Io::new().wrap(BoxMiddleware::new(pass));
}
