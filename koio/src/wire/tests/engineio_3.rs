//! Payloads of revision 3, as its own parser has written them (`tests/node/record-eio3.js`), and as nobody should.

use bytes::Bytes;
use serde::Deserialize;

use super::random::Random;
use crate::wire::{
    DecodeErrorKind, EnginePacket, Frame, Message, Revision,
    payload::{self, Framing},
    revision_3,
};

#[derive(Deserialize)]
struct Recorded {
    packets: Vec<RecordedPacket>,
    /// Whether the client takes bytes.
    bytes: bool,
    body: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RecordedPacket {
    Text(String),
    Binary { hex: String },
}

fn bytes_of(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

impl RecordedPacket {
    fn decoded(&self) -> EnginePacket {
        match self {
            Self::Text(text) => EnginePacket::decode(text.clone().into()).unwrap(),
            Self::Binary { hex } => EnginePacket::Message(Message::Binary(bytes_of(hex))),
        }
    }

    fn frame(&self, base64: bool) -> Frame {
        let frame = match self.decoded() {
            EnginePacket::Message(message) => Frame::message(&message),
            EnginePacket::Close => Frame::close(),
            EnginePacket::Noop => Frame::noop(),
            EnginePacket::Ping(data) => raw(b'2', &data),
            EnginePacket::Pong(data) => Frame::pong(&data),
            EnginePacket::Upgrade => raw(b'5', &[]),
            EnginePacket::Open(json) => Frame::open(&[std::str::from_utf8(&json).unwrap()]),
        };
        match frame.differs_in_revision_3() {
            true => frame.in_revision_3(base64),
            false => frame,
        }
    }
}

/// A packet that only clients send.
fn raw(digit: u8, data: &[u8]) -> Frame {
    let mut frame = vec![0x81, data.len() as u8 + 1, digit];
    frame.extend_from_slice(data);
    Frame::new(frame, 1)
}

fn recorded() -> Vec<Recorded> {
    let lines = include_str!("engineio_3.txt").lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn read(body: &[u8], framing: Framing) -> Result<Vec<EnginePacket>, DecodeErrorKind> {
    let packets = payload::decode_as(Bytes::copy_from_slice(body), framing);
    let packets = packets.map_err(|error| error.kind())?;
    packets
        .map(|packet| packet.map_err(|error| error.kind()))
        .collect()
}

#[test]
fn payloads_are_written_as_by_the_parser_of_revision_3() {
    for line in recorded() {
        let frames: Vec<_> = line
            .packets
            .iter()
            .map(|packet| packet.frame(!line.bytes))
            .collect();
        if frames.is_empty() {
            // koio answers no poll with nothing.
            continue;
        }
        let has_bytes = |packet: &RecordedPacket| matches!(packet, RecordedPacket::Binary { .. });
        let is_text = !line.packets.iter().any(has_bytes);
        let (body, is_binary) = revision_3::encode(&frames, is_text || !line.bytes);
        assert_eq!(body, bytes_of(&line.body), "{}", line.body);
        assert_eq!(is_binary, line.bytes && !is_text);
        // As bytes, which both parsers read, if text beyond ASCII has to go to a client that takes bytes.
        let (body, is_binary) = revision_3::encode(&frames, !line.bytes);
        let framing = Framing::of(Revision::Three { base64: false }, is_binary);
        let expected: Vec<_> = line.packets.iter().map(RecordedPacket::decoded).collect();
        assert_eq!(read(&body, framing), Ok(expected), "{}", line.body);
    }
}

/// As `encodePayload` of engine.io-parser 1.3.2 writes these packets for a client that takes bytes.
#[test]
fn text_beyond_ascii_is_bytes_to_a_client_that_takes_bytes() {
    let packets = ["2é", "2😀", "a"];
    let frame = |text: &&'static str| Frame::message(&Message::Text(text.as_bytes().into()));
    let frames: Vec<_> = packets.iter().map(frame).collect();
    let bytes = b"\x00\x04\xff42\xc3\xa9\x00\x06\xff42\xf0\x9f\x98\x80\x00\x02\xff4a";
    assert_eq!(
        revision_3::encode(&frames, false),
        (Bytes::from_static(bytes), true)
    );
    let text = "3:42é4:42😀2:4a";
    assert_eq!(revision_3::encode(&frames, true), (text.into(), false));
    assert_eq!(
        revision_3::encode(&frames[2..], false),
        ("2:4a".into(), false)
    );
}

#[test]
fn payloads_of_the_parser_of_revision_3_are_read() {
    for line in recorded() {
        let has_bytes = |packet: &RecordedPacket| matches!(packet, RecordedPacket::Binary { .. });
        let is_binary = line.bytes && line.packets.iter().any(has_bytes);
        let framing = Framing::of(Revision::Three { base64: false }, is_binary);
        let body = bytes_of(&line.body);
        let expected: Vec<_> = line.packets.iter().map(RecordedPacket::decoded).collect();
        assert_eq!(read(&body, framing), Ok(expected), "{}", line.body);
        let longest = payload::longest_as(&body, framing);
        assert!(longest < body.len().max(1), "{longest} of {}", body.len());
    }
}

#[test]
fn packets_without_any_text_are_none() {
    assert_eq!(
        read(b"0:0:2:4a0:", Framing::Lengths).map(|all| all.len()),
        Ok(1)
    );
    assert_eq!(
        read(&b"0:".repeat(500_000), Framing::Lengths),
        Ok(Vec::new())
    );
}

#[test]
fn reading_stops_at_the_first_bad_packet_of_revision_3() {
    use DecodeErrorKind::{Base64, Empty, NotUtf8, PacketLength, UnknownType};
    for (body, framing, error) in [
        (&b""[..], Framing::Lengths, PacketLength),
        (b"4a", Framing::Lengths, PacketLength),
        (b":4a", Framing::Lengths, PacketLength),
        (b"2:4a:", Framing::Lengths, PacketLength),
        (b"2:4a3", Framing::Lengths, PacketLength),
        (b"3:4a", Framing::Lengths, PacketLength),
        (b"9999999999999999999:4a", Framing::Lengths, PacketLength),
        (b"1e1:4aaaaaaaaa", Framing::Lengths, PacketLength),
        (b"2:9a2:4a", Framing::Lengths, UnknownType),
        (b"4:b4!!", Framing::Lengths, Base64),
        (b"4:bAQI", Framing::Lengths, UnknownType),
        (b"2:4\xff", Framing::Lengths, NotUtf8),
        ("2:4😀".as_bytes(), Framing::Lengths, PacketLength),
        (b"", Framing::Bytes, Empty),
        (b"\x02\x01\xff4", Framing::Bytes, UnknownType),
        (b"\x00\xff4", Framing::Bytes, PacketLength),
        (b"\x00\x02\xff4", Framing::Bytes, PacketLength),
        (b"\x00\x0a\xff4", Framing::Bytes, PacketLength),
        (b"\x00\x00\xff", Framing::Bytes, Empty),
        (b"\x01\x00\xff", Framing::Bytes, Empty),
        (b"\x01\x02\xff\x03a", Framing::Bytes, UnknownType),
        (b"\x00\x02\xff4\xe9", Framing::Bytes, NotUtf8),
        (b"\x00\x01\xff4\x00", Framing::Bytes, PacketLength),
        (b"2:4a", Framing::Bytes, UnknownType),
        (&[1; 100], Framing::Bytes, PacketLength),
    ] {
        assert_eq!(read(body, framing), Err(error), "{body:?}");
    }
}

#[test]
fn a_length_says_nothing_of_memory() {
    // What is announced and not there is refused before anything is kept for it.
    let body = b"1000000000000000000:4a";
    assert_eq!(
        read(body, Framing::Lengths),
        Err(DecodeErrorKind::PacketLength)
    );
    assert_eq!(payload::longest_as(body, Framing::Lengths), 0);
}

#[test]
fn the_longest_packet_of_revision_3_is_measured_as_a_websocket_has_it() {
    assert_eq!(payload::longest_as(b"2:4a6:4aaaaa1:6", Framing::Lengths), 6);
    // `b4` and eight characters for six bytes, of which one is the type.
    assert_eq!(payload::longest_as(b"10:b4AQIDBAU=", Framing::Lengths), 5);
    assert_eq!(
        payload::longest_as(b"\x01\x03\xff\x04ab\x00\x01\xff6", Framing::Bytes),
        3
    );
}

#[test]
fn mutated_payloads_of_revision_3_are_read_to_an_end() {
    let mut random = Random::new(3);
    let seeds: Vec<_> = recorded()
        .iter()
        .map(|line| bytes_of(&line.body).to_vec())
        .filter(|body| (1..2_000).contains(&body.len()))
        .collect();
    for round in 0..20_000 {
        let mut body = seeds[round % seeds.len()].clone();
        for _ in 0..random.below(4) + 1 {
            let at = random.below(body.len());
            match random.below(4) {
                0 => body[at] = random.below(256) as u8,
                1 => body[at] = b"0:9\x00\x01\xff4b"[random.below(8)],
                2 => body.truncate(at.max(1)),
                _ => body.insert(at, b"12:\xf0\x9f\x98\x80"[random.below(7)]),
            }
        }
        for framing in [Framing::Lengths, Framing::Bytes] {
            let Ok(packets) = payload::decode_as(body.clone().into(), framing) else {
                assert!(std::str::from_utf8(&body).is_err());
                continue;
            };
            let packets: Vec<_> = packets.collect();
            assert!(packets.len() <= body.len());
            let (last, before) = match packets.split_last() {
                Some((last, before)) => (Some(last), before),
                None => (None, &packets[..]),
            };
            assert!(before.iter().all(Result::is_ok), "{body:?}");
            if let Some(Err(error)) = last {
                assert!(error.offset() <= body.len(), "{body:?}");
            }
            let _ = payload::longest_as(&body, framing);
        }
    }
}
