//! Inflating one message, up to a limit.

use std::cell::Cell;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use super::{InflateError, MAX_KEPT, TAIL};

/// Blocks of one message that say they are the last (`BFINAL`). A compressor that can't flush sends one for each piece that
/// it was given; each costs a new start.
const MAX_FINAL_BLOCKS: usize = 256;

/// Room for the output of the first step. It doubles with each further step.
const FIRST_ROOM: usize = 4 * 1024;

thread_local! {
    static INFLATER: Cell<Option<Box<Inflater>>> = const { Cell::new(None) };
}

/// The decompressor of a thread.
struct Inflater {
    zlib: Decompress,
    output: Vec<u8>,
    final_blocks: usize,
}

impl Inflater {
    fn new() -> Self {
        Self {
            zlib: Decompress::new(false),
            output: Vec::new(),
            final_blocks: 0,
        }
    }

    /// Puts the inflated message into `output`.
    fn run(&mut self, message: &[u8], max: usize) -> Result<(), InflateError> {
        self.zlib.reset(false);
        self.output.clear();
        self.final_blocks = 0;
        let ended = self.feed(message, max)?;
        if !ended {
            self.feed(&TAIL, max)?;
        }
        Ok(())
    }

    /// Inflates a piece. Returns whether it ends with a block that says that it is the last.
    fn feed(&mut self, mut piece: &[u8], max: usize) -> Result<bool, InflateError> {
        loop {
            if self.output.len() == self.output.capacity() {
                // One byte beyond the limit proves that it is exceeded.
                let room = self.output.capacity().max(FIRST_ROOM);
                let left = (max + 1).saturating_sub(self.output.len());
                self.output.reserve_exact(room.min(left));
            }
            let before = (self.zlib.total_in(), self.output.len());
            let inflated = self
                .zlib
                .decompress_vec(piece, &mut self.output, FlushDecompress::None);
            let taken = (self.zlib.total_in() - before.0) as usize;
            piece = piece.get(taken..).unwrap_or_default();
            if self.output.len() > max {
                return Err(InflateError::TooLong(self.output.len()));
            }
            match inflated {
                Err(_) => return Err(InflateError::Corrupt),
                Ok(Status::StreamEnd) => {
                    self.final_blocks += 1;
                    if piece.is_empty() {
                        return Ok(true);
                    }
                    if self.final_blocks == MAX_FINAL_BLOCKS {
                        return Err(InflateError::Corrupt);
                    }
                    self.zlib.reset(false);
                }
                Ok(Status::Ok | Status::BufError) => {
                    let has_room = self.output.len() < self.output.capacity();
                    if piece.is_empty() && has_room {
                        return Ok(false);
                    }
                    if has_room && taken == 0 && self.output.len() == before.1 {
                        return Err(InflateError::Corrupt);
                    }
                }
            }
        }
    }
}

/// Inflates a message (section 7.2.2) that has at most `max` bytes then.
pub(crate) fn inflate(message: &[u8], max: usize) -> Result<Bytes, InflateError> {
    // Fails only while the thread ends.
    let kept = INFLATER.try_with(Cell::take).ok().flatten();
    let mut inflater = kept.unwrap_or_else(|| Box::new(Inflater::new()));
    let inflated = inflater.run(message, max).map(|()| {
        if inflater.output.len() <= MAX_KEPT {
            return Bytes::copy_from_slice(&inflater.output);
        }
        let mut long = std::mem::take(&mut inflater.output);
        // It has grown by doubling.
        long.shrink_to_fit();
        long.into()
    });
    if inflater.output.capacity() > MAX_KEPT {
        inflater.output = Vec::new();
    }
    let _ = INFLATER.try_with(|kept| kept.set(Some(inflater)));
    inflated
}
