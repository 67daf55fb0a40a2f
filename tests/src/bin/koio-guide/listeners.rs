//! Section 6 of the guide, its listeners of one socket.

use koio::{Context, Result, on};

#[on("hunt")]
async fn hunt(ctx: Context, prey: String) -> Result<()> {
    let socket = ctx.socket();
    let guesses = socket.on("guess", move |ctx: Context| {
        let prey = prey.clone();
        async move {
            let guess: String = ctx.args()?.next()?;
            Ok(guess == prey) // the acknowledgement
        }
    })?;
    socket.once("give up", move |ctx: Context| async move {
        ctx.socket().off(guesses);
        Ok("until next time")
    })?;
    Ok(())
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![hunt]
}
