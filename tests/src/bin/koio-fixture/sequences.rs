//! Long sequences, of which nothing may be lost, doubled or swapped.

use std::collections::HashMap;
use std::sync::Mutex;

use koio::{Bytes, Context, Handlers, Result, SocketId, State, args, handlers, on};
use serde::Serialize;

/// What each socket has sent.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashMap<SocketId, Progress>>);

#[derive(Default, Clone, Serialize)]
struct Progress {
    seen: u64,
    wrong: u64,
}

pub(crate) fn all() -> Handlers {
    handlers![sequence, sequence_seen, ticks, mix]
}

/// Answers with the number it was sent, and notes whether it was the next one.
#[on("sequence")]
async fn sequence(ctx: Context, number: u64, seen: State<Seen>) -> u64 {
    let mut seen = seen.0.lock().expect("a lock");
    let progress = seen.entry(ctx.socket().id()).or_default();
    if progress.seen != number {
        progress.wrong += 1;
    }
    progress.seen += 1;
    number
}

#[on("sequence-seen")]
async fn sequence_seen(ctx: Context, seen: State<Seen>) -> Progress {
    seen.0
        .lock()
        .expect("a lock")
        .get(&ctx.socket().id())
        .cloned()
        .unwrap_or_default()
}

/// Broadcasts so many numbers.
#[on("ticks")]
async fn ticks(ctx: Context, from: u64, count: u64) -> Result<()> {
    for number in from..from + count {
        ctx.io().broadcast("tick", number)?;
    }
    Ok(())
}

/// Broadcasts and emits numbers in turn, every third as bytes.
#[on("mix")]
async fn mix(ctx: Context, from: u32, count: u32) -> Result<()> {
    for number in from..from + count {
        match number % 3 {
            0 => {
                let bytes = Bytes::from(number.to_be_bytes().to_vec());
                ctx.emit("mixed", args![number, bytes])?;
            }
            1 => ctx.emit("mixed", number)?,
            _ => ctx.io().to(ctx.socket().id()).emit("mixed", number)?,
        }
    }
    Ok(())
}
