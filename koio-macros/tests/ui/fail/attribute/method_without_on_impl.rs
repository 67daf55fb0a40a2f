use koio::{Context, on};

struct Chat;

impl Chat {
    #[on("join")]
    async fn join(&self, _ctx: Context) {}
}

fn main() {}
