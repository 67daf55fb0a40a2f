use koio::{Context, Middleware, Next, Reply, Result, compose};

async fn pass(_ctx: Context, next: Next) -> Result<Reply> {
    next.run().await
}

fn main() {
    let _ = compose(Middleware::new(pass), Middleware::new(pass));
    let _ = compose(pass);
}
