//! The packets of Engine.IO itself, and single messages, as frames.

use bytes::Bytes;

use super::{draft::PacketBuffer, frame::Frame, packet::Message};
use crate::wire::{FrameHeader, Opcode};

impl Frame {
    /// `0` and the handshake, whose JSON may come in pieces.
    #[must_use]
    pub fn open(json: &[&str]) -> Self {
        Self::text(b'0', json.iter().map(|piece| piece.as_bytes()))
    }

    /// `1`: the session ends.
    #[must_use]
    pub fn close() -> Self {
        Self::fixed(b"\x81\x011")
    }

    /// `2`: asks whether the peer is there.
    #[must_use]
    pub fn ping() -> Self {
        Self::fixed(b"\x81\x012")
    }

    /// `3` and the data of the ping.
    #[must_use]
    pub fn pong(data: &[u8]) -> Self {
        Self::text(b'3', [data])
    }

    /// `3` and the data of the ping that probes a WebSocket.
    #[must_use]
    pub fn probe_pong() -> Self {
        Self::fixed(b"\x81\x063probe")
    }

    /// `6`: ends a poll that has no other packet to carry.
    #[must_use]
    pub fn noop() -> Self {
        Self::fixed(b"\x81\x016")
    }

    /// `4` and text, or binary.
    #[must_use]
    pub fn message(message: &Message) -> Self {
        match message {
            Message::Text(text) => Self::text(b'4', [&**text]),
            Message::Binary(data) => {
                let header = FrameHeader::unmasked(Opcode::Binary, data.len()).encode();
                Self::new([&header, &**data].concat(), 1)
            }
        }
    }

    /// A frame that is known at compile time, header included.
    fn fixed(bytes: &'static [u8]) -> Self {
        Self::new(Bytes::from_static(bytes), 1)
    }

    /// A type digit, and `pieces` behind it.
    fn text<'a>(digit: u8, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut buffer = PacketBuffer::take_spare();
        buffer.text.push(digit);
        for piece in pieces {
            buffer.text.extend_from_slice(piece);
        }
        buffer.seal_text().into_frame()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Part;

    fn only(frame: &Frame) -> Part<'_> {
        let parts: Vec<_> = frame.parts().collect();
        assert_eq!(parts.len(), 1);
        assert_eq!(frame.messages(), 1);
        parts.into_iter().next().unwrap()
    }

    #[test]
    fn the_small_packets_are_single_text_frames() {
        for (frame, payload) in [
            (Frame::ping(), &b"2"[..]),
            (Frame::close(), b"1"),
            (Frame::noop(), b"6"),
            (Frame::pong(b"probe"), b"3probe"),
            (Frame::probe_pong(), b"3probe"),
            (Frame::open(&["{", "}"]), b"0{}"),
            (
                Frame::message(&Message::Text(Bytes::from_static(b"hi"))),
                b"4hi",
            ),
        ] {
            assert_eq!(frame.bytes().first(), Some(&0x81));
            assert_eq!(frame.len(), payload.len() + 2);
            let part = only(&frame);
            assert!(part.text);
            assert_eq!(part.payload, payload);
            assert_eq!(frame.into_text(), Ok(Bytes::from_static(payload)));
        }
    }

    #[test]
    fn a_binary_message_has_no_type_digit() {
        let frame = Frame::message(&Message::Binary(Bytes::from_static(&[1, 2, 3])));
        assert_eq!(&frame.bytes()[..], [0x82, 3, 1, 2, 3]);
        assert_eq!(only(&frame).payload, &[1, 2, 3][..]);
        assert_eq!(frame.clone().into_text(), Err(frame));
    }

    #[test]
    fn lengths_around_every_header_size_survive_the_trip() {
        for (len, header) in [
            (0, 2),
            (124, 2),
            (125, 4),
            (126, 4),
            (65_534, 4),
            (65_535, 10),
            (70_000, 10),
        ] {
            let data = vec![b'x'; len];
            let frame = Frame::message(&Message::Text(data.clone().into()));
            assert_eq!(frame.len(), header + 1 + len, "{len}");
            assert_eq!(only(&frame).payload[1..], data[..]);
        }
        for (len, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = Frame::message(&Message::Binary(vec![7; len].into()));
            assert_eq!(frame.len(), header + len, "{len}");
            assert_eq!(only(&frame).payload.len(), len);
        }
    }
}
