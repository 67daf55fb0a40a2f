use koio::{Context, Next, Reply, Result};

async fn twice(_ctx: Context, next: Next) -> Result<Reply> {
    let _ = next.run().await;
    next.run().await
}

fn main() {
    let _ = koio::Namespace::new().wrap(twice);
}
