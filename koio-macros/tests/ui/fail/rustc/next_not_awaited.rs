use koio::{Context, Next, Reply, Result};

async fn forgotten(_ctx: Context, next: Next) -> Result<Reply> {
    let reply = next.run();
    reply
}

fn main() {
    let _ = koio::Namespace::new().wrap(forgotten);
}
