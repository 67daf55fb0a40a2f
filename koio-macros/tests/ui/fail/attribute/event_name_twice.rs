use koio::{Context, on};

#[on("typing", "writing")]
async fn typing(_ctx: Context) {}

#[on("sendMsg")]
#[on("send")]
async fn send_msg(_ctx: Context) {}

fn main() {}
