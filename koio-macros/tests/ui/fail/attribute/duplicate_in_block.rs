use koio::{Context, on};

struct Chat;

#[on(ns = "/chat")]
impl Chat {
    #[on("join")]
    async fn join(&self, _ctx: Context) {}

    #[on("join")]
    async fn enter(&self, _ctx: Context) {}

    // This one runs after the first, and that one is elsewhere.
    #[on("join", also)]
    async fn count(&self) {}

    #[on("join", ns = "/admin")]
    async fn admin(&self) {}
}

fn main() {}
