use koio::{Context, on};

#[on("a", priority = 4)]
async fn concurrency(_ctx: Context) {}

#[on("b", namespace = "/chat")]
async fn namespace(_ctx: Context) {}

#[on("c", once)]
async fn once(_ctx: Context) {}

#[on(event = "d")]
async fn event(_ctx: Context) {}

struct Chat;

#[on(timeout = "5s")]
impl Chat {
    #[on("e", crate = koio)]
    async fn e(&self) {}
}

fn main() {}
