//! The WebSocket frame header, with tungstenite's as the oracle.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader as Oracle;

use crate::wire::{FrameHeader, HeaderError, Opcode};

const LENGTHS: [u64; 10] = [
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    u32::MAX as u64,
    u32::MAX as u64 + 1,
    i64::MAX as u64,
];

fn headers() -> Vec<FrameHeader> {
    let mut headers = Vec::new();
    for bits in 0..16 {
        for opcode in [
            Opcode::Continuation,
            Opcode::Text,
            Opcode::Binary,
            Opcode::Close,
            Opcode::Ping,
            Opcode::Pong,
        ] {
            for mask in [None, Some([1, 2, 3, 255])] {
                headers.extend(LENGTHS.map(|payload_len| FrameHeader {
                    fin: bits & 8 != 0,
                    rsv1: bits & 4 != 0,
                    rsv2: bits & 2 != 0,
                    rsv3: bits & 1 != 0,
                    opcode,
                    mask,
                    payload_len,
                }));
            }
        }
    }
    headers
}

/// As tungstenite parses it, in our terms: the header, and how many bytes it takes.
fn oracle(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, ()> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, payload_len)) = Oracle::parse(&mut cursor).map_err(drop)? else {
        return Ok(None);
    };
    let opcode = match u8::from(header.opcode) {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(()),
    };
    let header = FrameHeader {
        fin: header.is_final,
        rsv1: header.rsv1,
        rsv2: header.rsv2,
        rsv3: header.rsv3,
        opcode,
        mask: header.mask,
        payload_len,
    };
    Ok(Some((header, cursor.position() as usize)))
}

/// Whether the header breaks the rule for control frames, which tungstenite checks later.
fn is_bad_control(header: &FrameHeader) -> bool {
    header.opcode.is_control() && (!header.fin || header.payload_len > 125)
}

#[test]
fn encoded_headers_read_back_as_tungstenite_reads_them() {
    for header in headers() {
        let bytes = header.encode();
        assert_eq!(bytes.len(), header.len());
        assert_eq!(oracle(&bytes), Ok(Some((header, bytes.len()))));
        let parsed = FrameHeader::parse(&bytes);
        if is_bad_control(&header) {
            assert_eq!(parsed, Err(HeaderError::BadControlFrame));
        } else {
            assert_eq!(parsed, Ok(Some((header, bytes.len()))));
        }
    }
}

#[test]
fn encoded_headers_are_those_of_tungstenite() {
    for header in headers() {
        let mut bytes = Vec::new();
        let oracle = Oracle {
            is_final: header.fin,
            rsv1: header.rsv1,
            rsv2: header.rsv2,
            rsv3: header.rsv3,
            opcode: (header.opcode as u8).into(),
            mask: header.mask,
        };
        oracle.format(header.payload_len, &mut bytes).unwrap();
        assert_eq!(header.encode()[..], bytes);
    }
}

#[test]
fn every_prefix_of_a_header_needs_more_bytes() {
    for header in headers().iter().filter(|header| !is_bad_control(header)) {
        let bytes = header.encode();
        for cut in 0..bytes.len() {
            assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None));
        }
    }
}

#[test]
fn random_headers_are_parsed_as_by_tungstenite() {
    let mut rng = fastrand::Rng::with_seed(6455);
    for _ in 0..200_000 {
        let mut bytes = [0; FrameHeader::MAX_LEN];
        rng.fill(&mut bytes);
        // Long lengths are mostly zeros in front.
        if rng.bool() {
            bytes[2..8].fill(0);
        }
        let bytes = &bytes[..rng.usize(..=bytes.len())];
        match (FrameHeader::parse(bytes), oracle(bytes)) {
            (Ok(Some(parsed)), oracle) => assert_eq!(oracle, Ok(Some(parsed))),
            (Ok(None), oracle) => assert!(matches!(oracle, Ok(None)), "{bytes:?}"),
            (Err(HeaderError::ReservedOpcode), oracle) => {
                // tungstenite looks at the opcode when all of the header is there.
                assert!(matches!(oracle, Err(()) | Ok(None)), "{bytes:?}");
            }
            (Err(HeaderError::BadControlFrame), Ok(Some((header, _)))) => {
                assert!(is_bad_control(&header), "{bytes:?}");
            }
            (Err(_), oracle) => assert_eq!(oracle, Ok(None), "{bytes:?}"),
        }
    }
}

#[test]
fn a_length_in_more_bytes_than_needed_is_taken() {
    let header = FrameHeader::unmasked(Opcode::Text, 125);
    let long: [&[u8]; 2] = [&[0x81, 126, 0, 125], &[0x81, 127, 0, 0, 0, 0, 0, 0, 0, 125]];
    for bytes in long {
        assert_eq!(FrameHeader::parse(bytes), Ok(Some((header, bytes.len()))));
    }
}
