//! Random bytes for ids, and the characters that ids are made of.
//!
//! The bytes come from the operating system. Each thread draws 1,024 at once: one `getrandom` call for 26 clients, with
//! two ids each. Bytes that were given out are overwritten, since a session's id is a secret of that session.

use std::cell::RefCell;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of one draw: the ids of 26 clients.
const DRAW: usize = 1024;

/// The operating system had no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// Whether it is a character of ids: those of base64url.
pub(super) fn is_id_char(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() | (*byte == b'_') | (*byte == b'-')
}

struct Drawn {
    bytes: [u8; DRAW],
    /// The number of bytes that have been given out.
    used: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const {
        RefCell::new(Drawn {
            bytes: [0; DRAW],
            used: DRAW,
        })
    };
}

/// Fresh random bytes.
pub(super) fn bytes<const COUNT: usize>() -> Result<[u8; COUNT], NoRandomness> {
    DRAWN.with_borrow_mut(Drawn::take)
}

/// Fresh random bytes as base64url: three bytes are four characters, and there is no padding.
pub(super) fn chars<const BYTES: usize, const CHARS: usize>() -> Result<[u8; CHARS], NoRandomness> {
    const { assert!(BYTES.is_multiple_of(3) && CHARS == BYTES / 3 * 4) };
    let random: [u8; BYTES] = bytes()?;
    let mut chars = [0_u8; CHARS];
    URL_SAFE_NO_PAD
        .encode_slice(random, &mut chars)
        .map_err(|_| NoRandomness)?;
    Ok(chars)
}

impl Drawn {
    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], NoRandomness> {
        if DRAW - self.used < COUNT {
            // If the draw fails, the old bytes must not be given out again.
            self.used = DRAW;
            getrandom::fill(&mut self.bytes).map_err(|_| NoRandomness)?;
            self.used = 0;
        }
        let unused = self.bytes.get_mut(self.used..).unwrap_or_default();
        let next = unused.first_chunk_mut().ok_or(NoRandomness)?;
        self.used += COUNT;
        Ok(std::mem::replace(next, [0; COUNT]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice_nor_kept() {
        let mut drawn = Drawn {
            bytes: [0; DRAW],
            used: DRAW,
        };
        let mut seen = HashSet::new();
        for _ in 0..500 {
            let long: [u8; 24] = drawn.take().unwrap();
            let short: [u8; 15] = drawn.take().unwrap();
            assert!(seen.insert(long.to_vec()) && seen.insert(short.to_vec()));
            assert!(drawn.bytes[..drawn.used].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn threads_draw_for_themselves() {
        let ids = || (0..100).map(|_| bytes::<24>().unwrap()).collect::<Vec<_>>();
        let others: Vec<_> = (0..4).map(|_| std::thread::spawn(ids)).collect();
        let mut all: Vec<_> = ids();
        all.extend(others.into_iter().flat_map(|ids| ids.join().unwrap()));
        let distinct: HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 500);
    }
}
