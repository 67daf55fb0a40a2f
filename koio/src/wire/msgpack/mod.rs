//! msgpack: JSON text to msgpack and back, without a tree between.
//!
//! [`Packer`] writes what notepack.io writes, the codec of Node's Redis adapters (3) and of `socket.io-msgpack-parser` (2):
//! the shortest header, integers as integers, keys as strings. One thing is put right: notepack writes integral floats from
//! 2^64 on as garbage, here they are floats. [`unpack()`] reads what notepack reads, and lets each byte of its input cost a bounded number of its output.
//!
//! No library: msgpack's headers are the small part of it. What remains is what koio keeps of JSON (text, placeholders and
//! the attachments beside it), which no library has.

mod date;
mod integer;
mod pack;
mod unpack;

#[cfg(any(test, feature = "redis"))]
pub(crate) use date::date_text;
pub(crate) use pack::Packer;
pub(crate) use unpack::{Binary, UnpackErrorKind};
#[cfg(any(test, feature = "msgpack"))]
pub(crate) use unpack::{Shape, Unpacked, Unpacker};
#[cfg(any(test, feature = "redis"))]
pub(crate) use unpack::{UnpackError, unpack};
