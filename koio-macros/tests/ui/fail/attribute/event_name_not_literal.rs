use koio::{Context, on};

#[on(sendMsg, ns = "/chat")]
async fn bare(_ctx: Context) {}

#[on(concat!("send", "Msg"))]
async fn computed(_ctx: Context) {}

#[on(7)]
async fn number(_ctx: Context) {}

fn main() {}
