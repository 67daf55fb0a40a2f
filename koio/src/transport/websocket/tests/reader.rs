//! The reader alone: bytes in, events out.

use fastrand::Rng;

use super::{
    super::{
        control::{UrgentBytes, close_frame},
        event::{ReadEvent, Violation},
        limits::ReservedBits,
        reader::Reader,
    },
    *,
};
use crate::{engine::breach::Breach, transport::read_buffer::ReadBuffer, wire::HeaderError};

const STREAMS: usize = 30_000;

fn config() -> EngineConfig {
    EngineConfig {
        max_payload: 300,
        ..EngineConfig::default()
    }
}

/// Reads the pieces one after the other.
fn koio(pieces: &[&[u8]], config: &EngineConfig) -> Story {
    let mut reader = Reader::new(config);
    let mut story = Story::default();
    for piece in pieces {
        let mut input = ReadBuffer::of(&piece.to_vec().into());
        let mut message = Message::default();
        while let Some(event) = reader.next(&mut input, ReservedBits::None, &mut message) {
            match event {
                ReadEvent::Message { compressed } => {
                    assert!(!compressed);
                    story.messages.push(message.clone());
                }
                ReadEvent::Ping(payload) => {
                    let mut urgent = UrgentBytes::default();
                    urgent.push_pong(&payload);
                    story.answers.extend(urgent.bytes);
                }
                ReadEvent::Pong | ReadEvent::Fragment => {}
                ReadEvent::Close(answer) => {
                    story.answers.extend(close_frame(&answer));
                    story.end = Some(StreamEnd::ClosedByPeer);
                    return story;
                }
                ReadEvent::Violation(violation) => {
                    let code = violation.close_code().into();
                    story.end = Some(StreamEnd::Violation(code));
                    return story;
                }
            }
        }
        assert!(input.is_empty());
    }
    story
}

/// The events of bytes that come one by one, each with the number of bytes that had come.
fn byte_by_byte(
    bytes: &[u8],
    config: &EngineConfig,
    reserved: ReservedBits,
) -> Vec<(usize, ReadEvent)> {
    let mut reader = Reader::new(config);
    let mut events = Vec::new();
    for (index, byte) in bytes.iter().enumerate() {
        let mut input = ReadBuffer::of(&vec![*byte].into());
        if let Some(event) = reader.next(&mut input, reserved, &mut Message::default())
            && event != ReadEvent::Fragment
        {
            let is_violation = matches!(event, ReadEvent::Violation(_));
            events.push((index + 1, event));
            if is_violation {
                break;
            }
        }
    }
    events
}

/// Text that is valid UTF-8, most often.
fn text(rng: &mut Rng) -> Vec<u8> {
    let length = rng.usize(..40);
    let mut bytes = String::from_iter((0..length).map(|_| match rng.u8(..4) {
        0 => rng.char('\u{80}'..'\u{800}'),
        1 => rng.char('\u{800}'..),
        _ => rng.char(' '..'\u{80}'),
    }))
    .into_bytes();
    if rng.u8(..8) == 0 && !bytes.is_empty() {
        let at = rng.usize(..bytes.len());
        bytes[at] = rng.u8(..);
    }
    bytes
}

/// One frame, which may be wrong in every way.
fn any_frame(rng: &mut Rng, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut first = opcode | if fin { 0x80 } else { 0 };
    let mut mask_bit = 0x80;
    if rng.u8(..80) == 0 {
        first ^= 1 << rng.u8(..8);
    }
    if rng.u8(..150) == 0 {
        mask_bit = 0;
    }
    let mut frame = vec![first];
    let length = payload.len();
    let is_control = opcode >= 8;
    match rng.u8(..12) {
        0 if !is_control => {
            frame.push(mask_bit | 127);
            frame.extend((length as u64).to_be_bytes());
        }
        1 | 2 if !is_control => {
            frame.push(mask_bit | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ if length < 126 => frame.push(mask_bit | length as u8),
        _ => {
            frame.push(mask_bit | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    let mut mask = [0; 4];
    if mask_bit != 0 {
        rng.fill(&mut mask);
        frame.extend(mask);
    }
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

fn control_frame(rng: &mut Rng) -> Vec<u8> {
    let payload = vec![b'p'; rng.usize(..130)];
    match rng.u8(..12) {
        0 => {
            let code = rng.u16(900..5100);
            let payload = [&code.to_be_bytes()[..], &text(rng)].concat();
            let payload = &payload[..rng.usize(..=payload.len().min(125))];
            any_frame(rng, true, 8, payload)
        }
        1..=5 => any_frame(rng, true, 10, &payload),
        _ => any_frame(rng, true, 9, &payload),
    }
}

/// A few messages, whole or in fragments, with control frames between.
fn stream(rng: &mut Rng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..rng.usize(1..6) {
        let is_text = rng.bool();
        let payload = if is_text {
            text(rng)
        } else {
            vec![rng.u8(..); rng.usize(..600)]
        };
        let fragments = if rng.bool() { 1 } else { rng.usize(1..6) };
        let mut rest = &payload[..];
        for index in 0..fragments {
            while rng.u8(..4) == 0 {
                stream.extend(control_frame(rng));
            }
            let is_last = index + 1 == fragments;
            // No single frame is above the limit: what else is wrong with it would decide about the code.
            let cut = if is_last {
                rest.len().min(300)
            } else {
                rng.usize(..=rest.len().min(300))
            };
            let (own, others) = rest.split_at(cut);
            rest = others;
            let opcode = match (index, is_text) {
                (1.., _) => 0,
                (0, true) => 1,
                (0, false) => 2,
            };
            stream.extend(any_frame(rng, is_last, opcode, own));
        }
    }
    stream
}

/// Cuts the bytes anywhere.
fn pieces<'b>(rng: &mut Rng, mut bytes: &'b [u8]) -> Vec<&'b [u8]> {
    let longest = *rng.choice(&[1, 3, 20, 200, 10_000]).unwrap();
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(rng.usize(1..=longest).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn random_streams_are_read_as_tungstenite_alone_reads_them() {
    let mut rng = Rng::with_seed(6455);
    let config = config();
    let (mut messages, mut violations) = (0, 0);
    for _ in 0..STREAMS {
        let bytes = stream(&mut rng);
        let expected = tungstenite_alone(&bytes, &config);
        let pieces = pieces(&mut rng, &bytes);
        assert_eq!(koio(&pieces, &config), expected, "{pieces:x?}");
        messages += expected.messages.len();
        violations += usize::from(matches!(expected.end, Some(StreamEnd::Violation(_))));
    }
    // Some streams must be valid and some not, or the test would prove little.
    assert!(messages > STREAMS, "{messages}");
    assert!(
        (STREAMS / 10..STREAMS / 2).contains(&violations),
        "{violations}"
    );
}

#[test]
fn a_violation_is_found_as_soon_as_its_bytes_are_there() {
    let config = config();
    let too_long = Violation::Limit(Breach::TooLong {
        bytes: 301,
        max: 300,
    });
    for (bytes, violation, at) in [
        (
            frame(0x83, b"text"),
            Violation::Header(HeaderError::ReservedOpcode),
            2,
        ),
        (
            frame(0x09, b"ping"),
            Violation::Header(HeaderError::BadControlFrame),
            2,
        ),
        (
            frame(0x89, &[b'p'; 126]),
            Violation::Header(HeaderError::BadControlFrame),
            4,
        ),
        (vec![0x81, 4, b't'], Violation::Unmasked, 2),
        (frame(0xc1, b"text"), Violation::ReservedBits, 6),
        (frame(0x80, b"text"), Violation::UnexpectedContinuation, 6),
        (frame(0x81, &[b'x'; 301]), too_long, 8),
        (
            [frame(0x01, &[b'x'; 200]), frame(0x80, &[b'x'; 101])].concat(),
            too_long,
            208 + 6,
        ),
        (
            [frame(0x01, b"4"), frame(0x81, b"4")].concat(),
            Violation::ExpectedContinuation,
            7 + 6,
        ),
        // The byte that can't follow is in the first fragment.
        (
            [frame(0x01, b"4\xe2\x28"), frame(0x80, b"4")].concat(),
            Violation::InvalidUtf8,
            9,
        ),
        (
            [
                frame(0x01, b"4\xe2"),
                frame(0x00, b"\x28"),
                frame(0x80, b"4"),
            ]
            .concat(),
            Violation::InvalidUtf8,
            8 + 7,
        ),
    ] {
        let events = byte_by_byte(&bytes, &config, ReservedBits::None);
        assert_eq!(events, [(at, ReadEvent::Violation(violation))]);
    }
}

#[test]
fn a_message_in_max_fragments_is_read_and_one_more_is_a_violation() {
    let config = EngineConfig {
        max_fragments: Some(3),
        ..config()
    };
    let message = |fragments| {
        let mut bytes = frame(0x02, b"");
        for _ in 2..fragments {
            bytes.extend(frame(0x89, b""));
            bytes.extend(frame(0x00, b""));
        }
        bytes.extend(frame(0x89, b""));
        bytes.extend(frame(0x80, b""));
        bytes
    };
    let events = byte_by_byte(&message(3), &config, ReservedBits::None);
    let (_, last) = events.last().unwrap();
    assert_eq!(last, &ReadEvent::Message { compressed: false });
    let events = byte_by_byte(&message(4), &config, ReservedBits::None);
    let too_many = Violation::Limit(Breach::TooManyFragments { max: 3 });
    let violation = ReadEvent::Violation(too_many);
    assert_eq!(events.last().map(|(_, event)| event), Some(&violation));
    assert_eq!(too_many.close_code(), 1008.into());
}

#[test]
fn rsv1_marks_a_compressed_message_where_it_is_negotiated() {
    let config = config();
    let compressed = ReadEvent::Message { compressed: true };
    let plain = ReadEvent::Message { compressed: false };
    // Compressed text is not UTF-8.
    let bytes = [
        frame(0xc1, b"\xff"),
        frame(0x81, b"4"),
        frame(0x41, b"\xff"),
        frame(0x80, b"\xff"),
    ]
    .concat();
    let mut reader = Reader::new(&config);
    let mut input = ReadBuffer::of(&bytes.into());
    let mut message = Message::default();
    for expected in [&compressed, &plain, &ReadEvent::Fragment, &compressed] {
        assert_eq!(
            reader
                .next(&mut input, ReservedBits::Rsv1, &mut message)
                .as_ref(),
            Some(expected)
        );
    }
    assert_eq!(message, Message::Text(b"\xff\xff"[..].into()));
    // Only the first frame of a message may have it.
    let violation = ReadEvent::Violation(Violation::ReservedBits);
    for bytes in [
        frame(0xc9, b""),
        frame(0xa1, b""),
        frame(0x91, b""),
        [frame(0x41, b"4"), frame(0xc0, b"4")].concat(),
    ] {
        let events = byte_by_byte(&bytes, &config, ReservedBits::Rsv1);
        let (_, last) = events.last().unwrap();
        assert_eq!(last, &violation, "{bytes:x?}");
    }
}
