use koio::{Context, Namespace, Next, on};

async fn timing(_ctx: Context, next: Next) {
    let _ = next.run().await;
}

#[on("sendMsg", wrap = [timing])]
async fn send_msg(_ctx: Context) {}

fn main() {
    let _ = Namespace::new().wrap(timing);
}
