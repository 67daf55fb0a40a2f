//! Messages on their way out, already in the form that a WebSocket writes.

use bytes::{Buf, Bytes};

use super::{FrameHeader, Message, Opcode, draft::Output};

/// One or more Engine.IO messages that must stay next to each other: a Socket.IO packet and its
/// attachments.
///
/// They are held as unmasked WebSocket frames, end to end, headers included. Those bytes are the
/// same for every recipient, so that a broadcast is encoded once and a clone costs a reference
/// count. Polling takes it apart with [`parts`](Self::parts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    messages: u16,
}

/// One message of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Whether it is text, which starts with the Engine.IO type digit. Binary has no digit.
    pub text: bool,
    /// What is in it.
    pub payload: &'a [u8],
}

impl Frame {
    /// Whole WebSocket frames, and how many messages they are.
    pub(crate) fn new(bytes: impl Into<Bytes>, messages: u16) -> Self {
        Self {
            bytes: bytes.into(),
            messages,
        }
    }

    /// The frames as a WebSocket writes them.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same, without a reference to count.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// What a WebSocket has still to write when so many bytes of it are written.
    pub(crate) fn rest(&self, written: usize) -> Self {
        let mut rest = self.clone();
        rest.bytes.advance(written.min(rest.bytes.len()));
        rest
    }

    /// This frame and others behind it, for a WebSocket to write together.
    pub(crate) fn and(&self, others: impl IntoIterator<Item = Self>) -> Self {
        let mut bytes = self.bytes.to_vec();
        let mut messages = self.messages;
        for other in others {
            bytes.extend_from_slice(&other.bytes);
            messages = messages.saturating_add(other.messages);
        }
        Self {
            bytes: bytes.into(),
            messages,
        }
    }

    /// How many bytes a WebSocket writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to write, which no constructor makes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many messages are in it.
    #[must_use]
    pub fn messages(&self) -> usize {
        usize::from(self.messages)
    }

    /// The messages one by one.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        Parts { rest: &self.bytes }
    }

    /// The text in it, if there is nothing else.
    pub(super) fn into_text(mut self) -> Result<Bytes, Self> {
        let mut parts = self.parts();
        let header = match (parts.next(), parts.rest) {
            (Some(part), []) if part.text => self.len() - part.payload.len(),
            _ => return Err(self),
        };
        self.bytes.advance(header);
        Ok(self.bytes)
    }

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

    /// `2`: is the peer there?
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

    /// `6`: ends a poll that has nothing to say.
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
                let mut bytes = Vec::with_capacity(FrameHeader::MAX_UNMASKED_LEN + data.len());
                push_binary(&mut bytes, data);
                Self {
                    bytes: bytes.into(),
                    messages: 1,
                }
            }
        }
    }

    fn fixed(bytes: &'static [u8]) -> Self {
        Self {
            bytes: Bytes::from_static(bytes),
            messages: 1,
        }
    }

    fn text<'a>(digit: u8, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut output = Output::blank();
        output.text.push(digit);
        for piece in pieces {
            output.text.extend_from_slice(piece);
        }
        output.seal_text().into_frame()
    }
}

/// Appends one binary message as a whole frame.
pub(super) fn push_binary(frames: &mut Vec<u8>, data: &[u8]) {
    let header = FrameHeader::unmasked(Opcode::Binary, data.len()).encode();
    frames.reserve(header.len() + data.len());
    frames.extend_from_slice(&header);
    frames.extend_from_slice(data);
}

/// The messages of a [`Frame`], in order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        // The iteration would end at a frame that is cut short, which `Frame` never holds.
        let (header, start) = FrameHeader::parse(self.rest).ok().flatten()?;
        let frame = self.rest.get(start..)?;
        let (payload, rest) = frame.split_at_checked(usize::try_from(header.payload_len).ok()?)?;
        self.rest = rest;
        Some(Part {
            text: header.opcode == Opcode::Text,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
