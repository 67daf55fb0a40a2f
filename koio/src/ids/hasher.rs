//! Finding things by a random id.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hashes of a table whose keys are ids.
pub(crate) type ByRandomId = BuildHasherDefault<Part>;

/// A part of an id in place of a hash. It is random, and the server draws every id that is put into a table, so nobody
/// can make many of them fall together.
#[derive(Default)]
pub(crate) struct Part(u64);

impl Hasher for Part {
    fn write(&mut self, id: &[u8]) {
        if let Some(part) = id.last_chunk() {
            // Six bits of each byte are random. The upper bits of the product depend on all of them.
            self.0 = u64::from_ne_bytes(*part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(32)
    }
}
