use koio::{Context, on};

#[on("serde")]
async fn serde(_ctx: Context) {}

#[derive(serde::Deserialize)]
struct Message;

fn main() {}
