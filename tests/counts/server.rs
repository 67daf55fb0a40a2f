//! The servers.

use koio::Io;

/// A server on koio's own listener that answers `echo`, and passes `cast` on to everybody.
pub(crate) fn io() -> Io {
    Io::new().handlers(koio::handlers![echo, cast])
}

#[koio::on("echo")]
async fn echo(text: String) -> String {
    text
}

#[koio::on("cast")]
async fn cast(ctx: koio::Context, text: String) -> koio::Result<()> {
    ctx.io().broadcast("news", text)
}
