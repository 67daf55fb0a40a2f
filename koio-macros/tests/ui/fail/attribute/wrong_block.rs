use koio::{Context, on};

struct Chat;

#[on("join")]
impl Chat {
    #[on("join")]
    async fn join(&self, _ctx: Context) {}

    #[on("limit")]
    const LIMIT: u32 = 1;
}

struct Empty;

#[on(ns = "/chat")]
impl Empty {
    async fn join(&self, _ctx: Context) {}
}

struct Copied;

#[on]
impl Clone for Copied {
    #[on("clone")]
    fn clone(&self) -> Self {
        Copied
    }
}

fn main() {}
