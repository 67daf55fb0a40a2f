//! Section 6 of the guide, its listeners of one socket and of a namespace.

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

#[on("open poll")]
async fn open_poll(ctx: Context) -> Result<()> {
    let everybody = ctx.here();
    let choices = everybody.on("choose", |ctx: Context| async move {
        let fish: String = ctx.args()?.next()?;
        ctx.here().broadcast("chosen", &fish)?;
        Ok(fish)
    })?;
    everybody.once("close poll", move |ctx: Context| async move {
        ctx.here().off(choices);
        Ok("closed")
    })?;
    Ok(())
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![hunt, open_poll]
}
