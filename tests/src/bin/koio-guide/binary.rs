//! Section 10 of the guide.

use koio::{Bytes, Context, Result, on};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Picture {
    name: String,
    bytes: Bytes,
}

#[on("picture")]
async fn picture(ctx: Context, picture: Picture) -> Result<usize> {
    ctx.broadcast("picture", &picture)?;
    Ok(picture.bytes.len())
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![picture]
}
