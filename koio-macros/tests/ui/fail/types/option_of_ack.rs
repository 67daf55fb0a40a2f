use koio::{Ack, Context, on};

#[on("ask")]
async fn ask(_ctx: Context, _ack: Option<Ack>) {}

fn main() {}
