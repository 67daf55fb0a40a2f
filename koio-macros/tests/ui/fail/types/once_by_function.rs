use koio::{Result, extract::Args, on};

fn of_a_text(text: &str) -> Result<u32> {
    Ok(text.parse()?)
}

#[on("order", once_by = of_a_text)]
async fn order(_: u32) {}

fn infallible(args: &Args) -> usize {
    args.len()
}

#[on("other", once_by = infallible)]
async fn other(_: u32) {}

fn main() {}
