//! What servers of Node say over Redis: no bytes are a panic, and what is a message can be written and reads back the same.
//! Run it like `payload.rs`, which says how.
//!
//! The first byte of the input chooses the adapter and the channel.

#![no_main]

use libfuzzer_sys::fuzz_target;

const CHANNELS: [&[u8]; 8] = [
    b"p#/#",
    b"p#/#room#",
    b"p#/a#b#",
    b"p-request#/#",
    b"p-response#/#",
    b"p-response#/#reader#",
    b"p#/#reader#",
    b"p#/a#reader#",
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, payload)) = input.split_first() else {
        return;
    };
    let channel = CHANNELS[usize::from(choice & 7)];
    koio::fuzz_node_wire(choice & 8 != 0, channel, payload);
});
