//! Random bytes for ids, drawn from the operating system.
//!
//! A draw is a system call, and a client that connects needs two ids: so each thread draws for several at once. What is
//! given out is forgotten, so that a session's id is nowhere but with the session.

use std::cell::RefCell;

use super::NoRandomness;

/// Bytes of one draw, for the ids of some twenty-six clients.
const DRAW: usize = 1024;

struct Drawn {
    bytes: [u8; DRAW],
    /// Up to here they have been given out.
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

/// Bytes that nobody else gets.
pub(super) fn bytes<const COUNT: usize>() -> Result<[u8; COUNT], NoRandomness> {
    DRAWN.with_borrow_mut(Drawn::take)
}

impl Drawn {
    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], NoRandomness> {
        if DRAW - self.used < COUNT {
            // Until the draw has succeeded there are none.
            self.used = DRAW;
            getrandom::fill(&mut self.bytes).map_err(|_| NoRandomness)?;
            self.used = 0;
        }
        let rest = self.bytes.get_mut(self.used..).unwrap_or_default();
        let next = rest.first_chunk_mut().ok_or(NoRandomness)?;
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
