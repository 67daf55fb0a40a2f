use koio::{Context, on};

#[on("a", timeout = "5 seconds")]
async fn words(_ctx: Context) {}

#[on("b", timeout = "5")]
async fn no_unit(_ctx: Context) {}

#[on("c", timeout = 5)]
async fn number(_ctx: Context) {}

#[on("d", timeout = "0s")]
async fn nothing(_ctx: Context) {}

#[on("e", timeout = "99999999999999999h")]
async fn eternity(_ctx: Context) {}

#[on("f", timeout)]
async fn missing(_ctx: Context) {}

fn main() {}
