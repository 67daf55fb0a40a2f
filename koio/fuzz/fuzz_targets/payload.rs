//! Engine.IO payloads: what is read can be written, and reads back the same.
//!
//! ```console
//! cargo install cargo-fuzz
//! cd koio && cargo fuzz run -s none payload -- -max_total_time=60
//! ```
//!
//! Works on stable: without a sanitizer (`-s none`) no unstable option is needed, and koio has no `unsafe` for one to watch.

#![no_main]

use bytes::Bytes;
use koio::wire::{EnginePacket, Frame, payload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let packets = match payload::decode(Bytes::copy_from_slice(body)) {
        Ok(packets) => packets,
        Err(error) => {
            assert!(std::str::from_utf8(body).is_err());
            assert!(error.offset() <= body.len());
            return;
        }
    };
    let mut messages = Vec::new();
    for packet in packets {
        match packet {
            Ok(EnginePacket::Message(message)) => messages.push(message),
            Ok(_) => {}
            Err(error) => assert!(error.offset() <= body.len()),
        }
    }
    if messages.is_empty() {
        return;
    }
    let written = payload::encode(messages.iter().map(Frame::message));
    let again: Vec<_> = payload::decode(written)
        .expect("koio writes UTF-8")
        .map(|packet| packet.expect("koio writes packets"))
        .collect();
    let messages: Vec<_> = messages.into_iter().map(EnginePacket::Message).collect();
    assert_eq!(again, messages);
});
