use koio::{Context, on};

#[on("typed")]
async fn typed<T: Send>(_ctx: Context, _value: Vec<T>) {}

#[on("hidden")]
async fn hidden(_value: impl Send) {}

#[on("lifetime")]
async fn lifetime<'a>(_ctx: Context) {}

fn main() {}
