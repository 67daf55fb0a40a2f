//! Packets of `socket.io-msgpack-parser`: one binary message each, a map of msgpack, with binary data inside.
//!
//! What goes out is derived from the packet of the default parser, and what comes in becomes JSON with attachments beside it. So
//! nothing above this folder knows the difference.

#[cfg(any(fuzzing, test))]
mod fuzzing;
mod read;
mod write;

#[cfg(any(fuzzing, test))]
pub use fuzzing::fuzz_packed;
pub(crate) use read::PackedPacket;
pub(super) use write::{check, control, draft, frame, open_place};
