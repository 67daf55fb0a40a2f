use koio::{Context, on};

mod chat {}

#[on("chat")]
async fn chat(_ctx: Context) {}

fn main() {}
