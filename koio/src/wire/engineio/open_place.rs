//! [`OpenPlace`]: an event that gets a last argument when all the rest of it is encoded.

use super::frame::Frame;
use crate::wire::{FrameHeader, Opcode};

/// An event with an open place for one more argument, a text of known length without characters that JSON escapes.
///
/// So the event is encoded before its place in an order is known, and the lock of that order is held for a copy of a few bytes.
#[derive(Debug)]
pub(crate) struct OpenPlace {
    pub(super) frames: Vec<u8>,
    /// Where the text goes.
    pub(super) at: usize,
    pub(super) messages: u16,
    /// It is sent as it is, also to clients that take compressed messages.
    pub(super) uncompressed: bool,
}

impl Frame {
    /// This event with an open place behind its last argument. `None` if it is no list of arguments.
    pub(crate) fn with_open_place(&self, len: usize) -> Option<OpenPlace> {
        let mut parts = self.parts();
        let text = parts.next().filter(|part| part.text)?.payload;
        let list = text.strip_suffix(b"]")?;
        let behind = parts.unread();
        let text_len = text.len() + len + 3;
        let header = FrameHeader::unmasked(Opcode::Text, text_len).encode();
        // Exact: `Bytes` then takes the vector as it is.
        let mut frames = Vec::with_capacity(header.len() + text_len + behind.len());
        frames.extend_from_slice(&header);
        frames.extend_from_slice(list);
        frames.extend_from_slice(b",\"");
        let at = frames.len();
        frames.resize(at + len, b'-');
        frames.extend_from_slice(b"\"]");
        frames.extend_from_slice(behind);
        let messages = u16::try_from(self.messages()).unwrap_or(u16::MAX);
        Some(OpenPlace {
            frames,
            at,
            messages,
            uncompressed: self.is_left_uncompressed(),
        })
    }
}

impl OpenPlace {
    /// A binary message in which the text at `at` is the place.
    #[cfg(any(test, feature = "msgpack"))]
    pub(in crate::wire) fn in_binary(data: &[u8], at: usize) -> Self {
        let header = FrameHeader::unmasked(Opcode::Binary, data.len()).encode();
        let at = header.len() + at;
        Self {
            frames: [&*header, data].concat(),
            at,
            messages: 1,
            uncompressed: false,
        }
    }

    /// Says that the event is sent as it is, also to clients that take compressed messages.
    #[cfg(any(test, feature = "msgpack"))]
    pub(in crate::wire) fn leave_uncompressed(mut self, leaves: bool) -> Self {
        self.uncompressed = leaves;
        self
    }

    pub(super) fn is_left_uncompressed(&self) -> bool {
        self.uncompressed
    }

    /// Writes the text, which has the length that was asked for.
    pub(crate) fn fill(mut self, text: &[u8]) -> Frame {
        let place = self.frames.get_mut(self.at..self.at + text.len());
        if let Some(place) = place {
            place.copy_from_slice(text);
        }
        Frame::new(self.frames, self.messages).leave_uncompressed(self.uncompressed)
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{self, ArgList, Bytes};

    #[test]
    fn the_place_is_the_last_argument() {
        for namespace in ["/", "/chat"] {
            for len in [0, 60, 80, 100, 110, 65_400, 65_500, 70_000] {
                let text = "x".repeat(len);
                let event = wire::event(namespace, None, "e", &text).unwrap();
                let with = wire::event(namespace, None, "e", &ArgList((&text, "0123456789abc")));
                let filled = event.with_open_place(13).unwrap().fill(b"0123456789abc");
                assert_eq!(filled, with.unwrap(), "{namespace} {len}");
            }
        }
    }

    #[test]
    fn an_event_without_arguments_gets_one() {
        let event = wire::event("/", None, "e", &()).unwrap();
        let filled = event.with_open_place(3).unwrap().fill(b"abc");
        assert_eq!(filled, wire::event("/", None, "e", "abc").unwrap());
    }

    #[test]
    fn attachments_stay_as_they_are() {
        let bytes = Bytes::from(vec![1, 2, 3]);
        let event = wire::event("/chat", None, "e", &bytes).unwrap();
        let with = wire::event("/chat", None, "e", &ArgList((&bytes, "abc"))).unwrap();
        assert_eq!(event.with_open_place(3).unwrap().fill(b"abc"), with);
    }

    #[test]
    fn what_is_no_event_has_no_place() {
        assert!(wire::disconnect("/chat").with_open_place(3).is_none());
    }
}
