//! Section 8 of the guide: a connection handler that fails.

use koio::{Context, Error, Io, Namespace, Result, handlers, on};

#[on("connection")]
async fn seated(ctx: Context) -> Result<()> {
    let seats_left = 0; // looked up
    if seats_left == 0 {
        ctx.emit("refused", "no seat is left")?;
        return Err(Error::new("full_house", "no seat is left"));
    }
    Ok(())
}

pub(crate) fn with_seats(io: Io) -> Io {
    io.namespace("/seats", Namespace::new().handlers(handlers![seated]))
}
