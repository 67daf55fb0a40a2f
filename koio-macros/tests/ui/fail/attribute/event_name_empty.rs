use koio::{Context, on};

#[on("")]
async fn send_msg(_ctx: Context) {}

fn main() {}
