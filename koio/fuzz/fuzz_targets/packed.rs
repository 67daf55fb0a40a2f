//! Packets of `socket.io-msgpack-parser`: no bytes are a panic, and what is a packet reads back the same when it is written again.
//! Run it like `payload.rs`, which says how.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| koio::wire::fuzz_packed(input));
