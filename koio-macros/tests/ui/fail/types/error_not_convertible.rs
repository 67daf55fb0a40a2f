use koio::{Context, on};

#[derive(Debug)]
struct Taken;

#[on("login")]
async fn login(_ctx: Context) -> Result<(), Taken> {
    Err(Taken)
}

#[on("text")]
async fn text(_ctx: Context) -> Result<(), String> {
    Err("taken".to_owned())
}

fn main() {}
