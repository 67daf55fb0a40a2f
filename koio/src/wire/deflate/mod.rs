//! Messages that are compressed by themselves, as permessage-deflate sends them without context takeover (RFC 7692). Knows
//! nothing of frames.
//!
//! A thread has one compressor and one decompressor, which a message takes out while it uses it: nothing is kept for a
//! connection, and nothing of a message is left for the next.

#[cfg(any(test, feature = "compression"))]
mod compress;
#[cfg(any(test, feature = "compression"))]
mod inflate;
mod inflate_error;
#[cfg(not(any(test, feature = "compression")))]
mod left_out;
mod settings;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "compression"))]
pub(crate) use compress::compress;
#[cfg(test)]
pub(crate) use compress::compressed_by_this_thread;
#[cfg(any(test, feature = "compression"))]
pub(crate) use inflate::inflate;
pub(crate) use inflate_error::InflateError;
#[cfg(not(any(test, feature = "compression")))]
pub(crate) use left_out::compress;
#[cfg(not(any(test, feature = "compression")))]
pub(crate) use left_out::inflate;
pub use settings::PerMessageDeflate;

/// What a compressed message ends with, and is sent without (section 7.2.1).
#[cfg(any(test, feature = "compression"))]
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The most memory that a thread keeps for what it makes.
#[cfg(any(test, feature = "compression"))]
const MAX_KEPT: usize = 64 * 1024;
