use koio::{
    Context, Next, Reply, Result,
    middleware::{BoxMiddleware, compose},
};

async fn pass(_ctx: Context, next: Next) -> Result<Reply> {
    next.run().await
}

fn main() {
    let _ = compose(BoxMiddleware::new(pass), BoxMiddleware::new(pass));
    let _ = compose(pass);
}
