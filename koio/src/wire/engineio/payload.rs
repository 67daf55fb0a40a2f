//! Payloads: the body of a polling request or response, with several packets in one text, or in revision 3 in bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};
use memchr::memchr;

use super::{
    frame::{Frame, Part},
    packet::EnginePacket,
    revision::Revision,
    revision_3::{Cut, cut_binary, cut_text},
};
use crate::wire::{DecodeError, DecodeErrorKind};

const SEPARATOR: u8 = 0x1e;

/// The packets of a polling body.
///
/// The packets are cut out one at a time, so that a body of a million separators costs nothing
/// beyond its first bad packet.
///
/// # Errors
///
/// When the body is not UTF-8.
pub fn decode(body: Bytes) -> Result<Packets, DecodeError> {
    decode_as(body, Framing::Separators)
}

/// How the packets of a body are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Revision 4: a separator between two packets.
    Separators,
    /// Revision 3: the length before each packet, in text.
    Lengths,
    /// Revision 3: the length before each packet, in bytes.
    Bytes,
}

impl Framing {
    /// The framing of a body that a client of this revision sends. `is_binary`: it says of its body that it is.
    #[must_use]
    pub fn of(revision: Revision, is_binary: bool) -> Self {
        match (revision, is_binary) {
            (Revision::Four, _) => Self::Separators,
            (Revision::Three { .. }, false) => Self::Lengths,
            (Revision::Three { .. }, true) => Self::Bytes,
        }
    }
}

/// [`decode`] for a body with this framing.
///
/// # Errors
///
/// When a body that has to be text is not UTF-8.
pub fn decode_as(body: Bytes, framing: Framing) -> Result<Packets, DecodeError> {
    if framing == Framing::Bytes {
        return Ok(Packets::new(body, framing));
    }
    // Most bodies are ASCII, which `is_ascii` sees without decoding.
    if !body.is_ascii()
        && let Err(error) = std::str::from_utf8(&body)
    {
        let kind = DecodeErrorKind::NotUtf8;
        return Err(DecodeError::new(kind, error.valid_up_to()));
    }
    Ok(Packets::new(body, framing))
}

/// The length of the longest packet of a body: as a WebSocket frame would have it, binary messages without base64.
#[must_use]
pub fn longest(body: &[u8]) -> usize {
    longest_as(body, Framing::Separators)
}

/// [`longest`] for a body with this framing, as far as it can be read.
#[must_use]
pub fn longest_as(body: &[u8], framing: Framing) -> usize {
    let length = |packet: &[u8]| match packet {
        [b'b', base64 @ ..] => {
            let padding = base64.iter().rev().take_while(|byte| **byte == b'=');
            (base64.len() / 4 * 3).saturating_sub(padding.count())
        }
        text => text.len(),
    };
    if framing == Framing::Separators {
        let packets = body.split(|byte| *byte == SEPARATOR);
        return packets.map(length).max().unwrap_or(0);
    }
    let (mut unread, mut longest) = (body, 0);
    while let Ok(cut) = framing.cut(unread) {
        let packet = unread.get(cut.start..cut.end).unwrap_or_default();
        longest = longest.max(if cut.is_binary {
            packet.len()
        } else {
            length(packet)
        });
        unread = unread.get(cut.end..).unwrap_or_default();
    }
    longest
}

/// The packets of a polling body, in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Packets {
    /// Bytes of the whole body.
    size: usize,
    unread: Option<Bytes>,
    offset: usize,
    framing: Framing,
}

impl Framing {
    /// The first packet of a body of revision 3.
    fn cut(self, body: &[u8]) -> Result<Cut, DecodeErrorKind> {
        match self {
            Self::Bytes => cut_binary(body),
            Self::Lengths | Self::Separators => cut_text(body),
        }
    }
}

/// Bodies up to this length are shared by packets of any length.
const MAX_SHARED: usize = 16 * 1024;

impl Packets {
    fn new(body: Bytes, framing: Framing) -> Self {
        Self {
            size: body.len(),
            unread: Some(body),
            offset: 0,
            framing,
        }
    }

    /// The next packet of a body of revision 3. Ones without any text are none: clients send `0:` when they have nothing.
    #[cold]
    fn next_of_three(&mut self, mut body: Bytes) -> Option<Result<EnginePacket, DecodeError>> {
        loop {
            let offset = self.offset;
            let cut = match self.framing.cut(&body) {
                Ok(cut) => cut,
                Err(kind) => return Some(Err(DecodeError::new(kind, offset))),
            };
            body.advance(cut.start);
            let packet = body.split_to(cut.end - cut.start);
            self.offset += cut.end;
            let is_nothing = packet.is_empty() && self.framing == Framing::Lengths;
            if is_nothing && !body.is_empty() {
                continue;
            }
            if !body.is_empty() {
                self.unread = Some(body);
            }
            if is_nothing {
                return None;
            }
            let read = self.read_of_three(self.detached(packet), cut.is_binary);
            let read = read.map_err(|error| {
                let offset = offset + cut.start + error.offset();
                DecodeError::new(error.kind(), offset)
            });
            if read.is_err() {
                self.unread = None;
            }
            return Some(read);
        }
    }

    fn read_of_three(&self, packet: Bytes, is_binary: bool) -> Result<EnginePacket, DecodeError> {
        if is_binary {
            return EnginePacket::decode_binary(packet);
        }
        if self.framing == Framing::Bytes
            && let Err(error) = std::str::from_utf8(&packet)
        {
            let kind = DecodeErrorKind::NotUtf8;
            return Err(DecodeError::new(kind, error.valid_up_to()));
        }
        EnginePacket::decode_of(packet, Revision::Three { base64: false })
    }

    /// Whether all of them have been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unread.is_none()
    }

    /// Copies a packet that is a small part of a big body. A handler may keep it for long, and would keep all of the body.
    fn detached(&self, packet: Bytes) -> Bytes {
        if self.size > MAX_SHARED && packet.len() < self.size / 4 {
            Bytes::copy_from_slice(&packet)
        } else {
            packet
        }
    }
}

impl Iterator for Packets {
    type Item = Result<EnginePacket, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut body = self.unread.take()?;
        if self.framing != Framing::Separators {
            return self.next_of_three(body);
        }
        let offset = self.offset;
        let text = match memchr(SEPARATOR, &body) {
            Some(end) => {
                let text = body.split_to(end);
                body.advance(1);
                self.offset = offset + end + 1;
                self.unread = Some(body);
                text
            }
            None => body,
        };
        let packet = EnginePacket::decode(self.detached(text))
            .map_err(|error| DecodeError::new(error.kind(), offset + error.offset()));
        if packet.is_err() {
            self.unread = None;
        }
        Some(packet)
    }
}

/// Writes frames as a polling body. Most bodies are a single text, whose bytes are used without a copy.
pub fn encode(frames: impl IntoIterator<Item = Frame>) -> Bytes {
    let mut frames = frames.into_iter();
    let (mut first, second) = (frames.next(), frames.next());
    if second.is_none()
        && let Some(only) = first
    {
        match only.into_text() {
            Ok(text) => return text,
            Err(frame) => first = Some(frame),
        }
    }
    let mut body = Vec::new();
    for frame in first.into_iter().chain(second).chain(frames) {
        // A text message is shorter in a body than in its WebSocket frame.
        body.reserve(frame.len());
        for part in frame.parts() {
            push(&mut body, part);
        }
    }
    body.into()
}

fn push(body: &mut Vec<u8>, part: Part<'_>) {
    if !body.is_empty() {
        body.push(SEPARATOR);
    }
    if part.text {
        body.extend_from_slice(part.payload);
    } else {
        body.push(b'b');
        let start = body.len();
        // Padded base64: four characters for three bytes or fewer.
        body.resize(start + part.payload.len().div_ceil(3) * 4, 0);
        let room = body.get_mut(start..).unwrap_or_default();
        let written = STANDARD.encode_slice(part.payload, room);
        debug_assert_eq!(written.ok(), Some(body.len() - start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;

    fn read(body: &'static [u8]) -> Vec<Result<EnginePacket, DecodeErrorKind>> {
        match decode(Bytes::from_static(body)) {
            Ok(packets) => packets
                .map(|packet| packet.map_err(|error| error.kind()))
                .collect(),
            Err(error) => vec![Err(error.kind())],
        }
    }

    fn text(data: &'static str) -> Result<EnginePacket, DecodeErrorKind> {
        Ok(EnginePacket::Message(Message::Text(Bytes::from_static(
            data.as_bytes(),
        ))))
    }

    fn binary(data: &'static [u8]) -> Result<EnginePacket, DecodeErrorKind> {
        Ok(EnginePacket::Message(Message::Binary(Bytes::from_static(
            data,
        ))))
    }

    #[test]
    fn several_packets_are_read_in_order() {
        assert_eq!(
            read(b"4test1\x1e4test2\x1e4test3"),
            [text("test1"), text("test2"), text("test3")]
        );
        assert_eq!(
            read(b"4hello\x1e2\x1e4world"),
            [
                text("hello"),
                Ok(EnginePacket::Ping(Bytes::new())),
                text("world")
            ]
        );
        assert_eq!(read(b"1\x1e4x"), [Ok(EnginePacket::Close), text("x")]);
    }

    #[test]
    fn binary_is_padded_base64() {
        assert_eq!(
            read(b"4hello\x1ebAQIDBA=="),
            [text("hello"), binary(&[1, 2, 3, 4])]
        );
        assert_eq!(read(b"b"), [binary(&[])]);
        for body in [
            &b"bAQIDBA"[..],
            b"bAQIDBA=",
            b"b!!!!",
            b"bA",
            b"bAQIDBA==x",
            b"bAQ ID",
            b"b=",
            b"bAQID_-==",
        ] {
            assert_eq!(read(body), [Err(DecodeErrorKind::Base64)], "{body:?}");
        }
    }

    #[test]
    fn reading_stops_at_the_first_bad_packet() {
        assert_eq!(read(b""), [Err(DecodeErrorKind::Empty)]);
        assert_eq!(read(b"abc"), [Err(DecodeErrorKind::UnknownType)]);
        assert_eq!(read(b"4a\x1e"), [text("a"), Err(DecodeErrorKind::Empty)]);
        assert_eq!(read(b"\x1e4a"), [Err(DecodeErrorKind::Empty)]);
        assert_eq!(
            read(b"4a\x1e\x1e4b"),
            [text("a"), Err(DecodeErrorKind::Empty)]
        );
        assert_eq!(
            read(b"4a\x1e7\x1e4b"),
            [text("a"), Err(DecodeErrorKind::UnknownType)]
        );
        let error = decode(Bytes::from_static(b"4a\x1e4b\x1e7"))
            .unwrap()
            .last()
            .unwrap();
        assert_eq!(
            error,
            Err(DecodeError::new(DecodeErrorKind::UnknownType, 6))
        );
    }

    #[test]
    fn a_small_packet_of_a_big_body_is_a_copy() {
        let mut body = b"4small\x1e4".to_vec();
        body.resize(100_000, b' ');
        let body = Bytes::from(body);
        let mut packets = decode(body.clone()).unwrap();
        let small = packets.next().unwrap().unwrap();
        assert!(!packets.is_empty());
        let big = packets.next().unwrap().unwrap();
        assert!(packets.is_empty());
        drop(packets);
        assert!(!body.is_unique(), "the other is most of the body");
        drop(big);
        assert!(body.is_unique());
        drop(small);
    }

    #[test]
    fn a_million_separators_end_at_the_first() {
        let packets = decode(vec![SEPARATOR; 1_000_000].into()).unwrap();
        assert_eq!(packets.count(), 1);
    }

    #[test]
    fn a_body_that_is_not_utf8_is_refused() {
        assert_eq!(read(b"4caf\xc3"), [Err(DecodeErrorKind::NotUtf8)]);
        assert_eq!(read(b"4\xed\xa0\x80"), [Err(DecodeErrorKind::NotUtf8)]);
        assert_eq!(read("4café €".as_bytes()), [text("café €")]);
    }

    #[test]
    fn frames_are_written_as_text_and_base64() {
        let frames = [
            Frame::message(&Message::Text(Bytes::from_static(b"hello"))),
            Frame::message(&Message::Binary(Bytes::from_static(&[1, 2, 3, 4]))),
            Frame::message(&Message::Binary(Bytes::new())),
            Frame::noop(),
            Frame::close(),
        ];
        assert_eq!(encode(frames), &b"4hello\x1ebAQIDBA==\x1eb\x1e6\x1e1"[..]);
        assert!(encode([]).is_empty());
    }

    #[test]
    fn a_single_text_is_not_copied() {
        let text = |text| Frame::message(&Message::Text(Bytes::from_static(text)));
        let one = text(b"one");
        let there = one.bytes().as_ptr_range();
        let body = encode([one]);
        assert_eq!(*body, *b"4one");
        assert_eq!(body.as_ptr_range().end, there.end);
        // Two in one frame are two.
        let both = text(b"one").followed_by([text(b"two")]);
        assert_eq!(*encode([both]), *b"4one\x1e4two");
    }

    #[test]
    fn written_bodies_read_back_the_same() {
        for len in 0..40_u8 {
            let data = Bytes::from((0..len).map(|n| n.wrapping_mul(37)).collect::<Vec<_>>());
            let frame = Frame::message(&Message::Binary(data.clone()));
            let packets: Vec<_> = decode(encode([frame])).unwrap().collect();
            assert_eq!(packets, [Ok(EnginePacket::Message(Message::Binary(data)))]);
        }
    }
}
