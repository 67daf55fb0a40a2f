//! The header of a WebSocket frame, with tungstenite as the oracle. Run it like `payload.rs`, which says how.

#![no_main]

use std::io::Cursor;

use koio::wire::{FrameHeader, HeaderError};
use libfuzzer_sys::fuzz_target;
use tungstenite::protocol::frame::FrameHeader as Oracle;

fuzz_target!(|bytes: &[u8]| {
    let mut cursor = Cursor::new(bytes);
    let oracle = Oracle::parse(&mut cursor);
    match FrameHeader::parse(bytes) {
        Ok(None) => assert!(matches!(oracle, Ok(None))),
        Ok(Some((header, len))) => {
            let (oracle, payload_len) = oracle.expect("a header").expect("complete");
            assert_eq!(len as u64, cursor.position());
            assert_eq!(header.payload_len, payload_len);
            assert_eq!(header.fin, oracle.is_final);
            assert_eq!(
                [header.rsv1, header.rsv2, header.rsv3],
                [oracle.rsv1, oracle.rsv2, oracle.rsv3]
            );
            assert_eq!(header.opcode as u8, u8::from(oracle.opcode));
            assert_eq!(header.mask, oracle.mask);
            let encoded = header.encode();
            assert!(encoded.len() <= len);
            assert_eq!(FrameHeader::parse(&encoded), Ok(Some((header, encoded.len()))));
        }
        // tungstenite looks at the opcode last, and at the rules for control frames later.
        Err(HeaderError::ReservedOpcode) => assert!(!matches!(oracle, Ok(Some(_)))),
        Err(HeaderError::BadControlFrame) => assert!(bytes[0] & 8 != 0),
    }
});
