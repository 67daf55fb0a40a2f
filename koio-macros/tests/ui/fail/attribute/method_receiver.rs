use koio::{Context, on};

struct Chat;

#[on]
impl Chat {
    #[on("join")]
    async fn join(&mut self, _ctx: Context) {}

    #[on("leave")]
    async fn leave(self) {}

    #[on("count")]
    async fn count(_ctx: Context) {}
}

fn main() {}
