use koio::{Context, Result, on};

#[on("join")]
async fn join(ctx: Context, number: u32) -> Result<()> {
    ctx.socket().join(number)?;
    ctx.socket().join([number])?;
    ctx.to((number, "two")).emit("joined", ())
}

fn main() {}
