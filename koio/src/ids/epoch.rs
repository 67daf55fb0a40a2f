//! The names of logs.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::random;

/// Characters of an [`Epoch`].
pub(crate) const EPOCH_CHARS: usize = 6;

/// Tells the log of one namespace from that of an earlier one, of another namespace or of another server. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) [u8; EPOCH_CHARS]);

impl Epoch {
    /// A fresh one. Without randomness it is one of this process.
    pub(crate) fn fresh() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let bytes: [u8; 4] = random::bytes().unwrap_or_else(|_| {
            let [.., a, b, c, d] = LAST.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            [a, b, c, d]
        });
        let mut chars = [b'0'; EPOCH_CHARS];
        // Six characters hold 36 bits, so 32 always fit.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut chars);
        Self(chars)
    }
}
