use std::rc::Rc;

use koio::{Context, Result, on};

async fn pause() {}

#[on("count")]
async fn count(_ctx: Context, number: u32) -> Result<u32> {
    let shared = Rc::new(number);
    pause().await;
    Ok(*shared)
}

fn main() {}
