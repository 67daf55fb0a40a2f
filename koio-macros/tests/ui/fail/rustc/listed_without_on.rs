use koio::{Context, handlers, on};

#[on("sendMsg")]
async fn send_msg(_ctx: Context) {}

async fn typing(_ctx: Context) {}

fn main() {
    let _ = handlers![send_msg, typing];
}
