//! msgpack: JSON text to msgpack and back, without a tree between.
//!
//! [`Packer`] writes what notepack.io 3, the codec of Node's Redis adapters, writes: the shortest header, integers as
//! integers, keys as strings. One thing is put right: notepack writes integral floats from 2^64 on as garbage, here they
//! are floats. [`unpack()`] reads what notepack reads, and lets each byte of its input cost a bounded number of its output.
//!
//! No library: msgpack's headers are the small part of it. What remains is what koio keeps of JSON (text, placeholders and
//! the attachments beside it), which no library has.

mod date;
mod integer;
mod pack;
mod unpack;

pub(crate) use date::date_text;
pub(crate) use pack::Packer;
pub(crate) use unpack::{Binary, UnpackError, UnpackErrorKind, unpack};
