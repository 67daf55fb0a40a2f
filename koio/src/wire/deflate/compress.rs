//! Compressing one message.

use std::cell::Cell;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{MAX_KEPT, PerMessageDeflate, TAIL};

thread_local! {
    static COMPRESSOR: Cell<Option<Box<MessageCompressor>>> = const { Cell::new(None) };
    #[cfg(test)]
    static COMPRESSED: Cell<usize> = const { Cell::new(0) };
}

/// How often this thread has compressed a message, or tried to.
#[cfg(test)]
pub(crate) fn compressed_by_this_thread() -> usize {
    COMPRESSED.get()
}

/// The compressor of a thread.
struct MessageCompressor {
    zlib: Compress,
    /// The level and the window of `zlib`.
    strength: (u8, u8),
    output: Vec<u8>,
}

impl MessageCompressor {
    fn new(strength: (u8, u8)) -> Self {
        let (level, window_bits) = strength;
        // Checked at the start: this is beyond doubt, since zlib panics.
        let (level, window_bits) = (level.clamp(1, 9), window_bits.clamp(9, 15));
        let level = Compression::new(level.into());
        Self {
            zlib: Compress::new_with_window_bits(level, false, window_bits),
            strength,
            output: Vec::new(),
        }
    }

    /// Puts the compressed message into `output`. False if it was not finished: then this can't be used again.
    fn run(&mut self, message: &[u8]) -> bool {
        self.zlib.reset();
        self.output.clear();
        self.output.reserve_exact(room(message.len()));
        let flushed = self
            .zlib
            .compress_vec(message, &mut self.output, FlushCompress::Sync);
        let is_all = matches!(flushed, Ok(Status::Ok))
            && self.zlib.total_in() == message.len() as u64
            // Otherwise there may be more.
            && self.output.len() < self.output.capacity();
        if !is_all || !self.output.ends_with(&TAIL) {
            return false;
        }
        self.output.truncate(self.output.len() - TAIL.len());
        true
    }
}

/// Room in which every message is finished, also one that becomes longer: at level 1 a byte takes 9 bits at most, at the others a
/// block that can't be compressed is stored. A compressor that ran out of room would not do: `reset` leaves it with what it could not
/// write, and it panics when that has filled its buffer.
fn room(message: usize) -> usize {
    message + message / 8 + 64
}

/// Compresses a message (section 7.2.1) and gives it to `take`. `None` if it would not be smaller.
pub(crate) fn compress<T>(
    message: &[u8],
    settings: PerMessageDeflate,
    take: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    #[cfg(test)]
    COMPRESSED.set(COMPRESSED.get() + 1);
    let strength = settings.strength();
    // Fails only while the thread ends.
    let kept = COMPRESSOR.try_with(Cell::take).ok().flatten();
    let mut compressor = kept
        .filter(|kept| kept.strength == strength)
        .unwrap_or_else(|| Box::new(MessageCompressor::new(strength)));
    if !compressor.run(message) {
        return None;
    }
    let is_smaller = compressor.output.len() < message.len();
    let taken = is_smaller.then(|| take(&compressor.output));
    if compressor.output.capacity() > MAX_KEPT {
        compressor.output = Vec::new();
    }
    let _ = COMPRESSOR.try_with(|kept| kept.set(Some(compressor)));
    taken
}
