//! Engine.IO payloads: what is read can be written, and reads back the same. Those of revision 3 are read too.
//!
//! ```console
//! cargo install cargo-fuzz
//! cd koio && cargo fuzz run -s none payload -- -max_total_time=60
//! ```
//!
//! Works on stable: without a sanitizer (`-s none`) no unstable option is needed, and koio has no `unsafe` for one to watch.

#![no_main]

use bytes::Bytes;
use koio::wire::{
    EnginePacket, Frame,
    payload::{self, Framing},
};
use libfuzzer_sys::fuzz_target;

/// Bodies of revision 3 are read to an end, or to their first mistake.
fn read_revision_3(body: &[u8], framing: Framing) {
    assert!(payload::longest_as(body, framing) <= body.len());
    let Ok(packets) = payload::decode_as(Bytes::copy_from_slice(body), framing) else {
        assert!(std::str::from_utf8(body).is_err());
        return;
    };
    let packets: Vec<_> = packets.collect();
    assert!(packets.len() <= body.len() + 1);
    for (at, packet) in packets.iter().enumerate() {
        if let Err(error) = packet {
            assert!(error.offset() <= body.len());
            assert_eq!(at + 1, packets.len());
        }
    }
}

fuzz_target!(|body: &[u8]| {
    read_revision_3(body, Framing::Lengths);
    read_revision_3(body, Framing::Bytes);
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
