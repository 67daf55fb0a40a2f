use koio::{Context, on};

#[on]
async fn send_msg(_ctx: Context) {}

#[on(ns = "/chat")]
async fn typing(_ctx: Context) {}

struct Chat;

#[on]
impl Chat {
    #[on]
    async fn join(&self) {}

    #[on = "leave"]
    async fn leave(&self) {}
}

fn main() {}
