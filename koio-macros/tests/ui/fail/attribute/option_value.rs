use koio::{Context, on};

#[on("a", ns)]
async fn no_namespace(_ctx: Context) {}

#[on("b", ns = "chat")]
async fn no_slash(_ctx: Context) {}

#[on("c", ns = "/a,b")]
async fn comma(_ctx: Context) {}

#[on("d", ns = chat)]
async fn no_quotes(_ctx: Context) {}

#[on("e", wrap = auth)]
async fn no_list(_ctx: Context) {}

#[on("f", also = true)]
async fn no_value(_ctx: Context) {}

#[on("g", crate = "koio")]
async fn no_path(_ctx: Context) {}

fn main() {}
