//! Packets as lines of `text/event-stream`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::BytesMut;
use memchr::memchr2;

use crate::wire::{Frame, Part};

/// Begins each stream: a proxy that waits for the first bytes of a body passes the head on.
pub(super) const PRELUDE: &[u8] = b":\n\n";

/// Writes the packets of a frame behind the first `skipped` ones, each as an event of one `data` line. Returns how many
/// packets the frame has.
///
/// A packet is written as in a polling body: text as it is, binary as `b` and base64. A line ends at a line break, which JSON
/// has between values at most; a text with one is written as `t` and base64, since a client could not tell `\r` from `\n`.
pub(super) fn write(frame: &Frame, skipped: usize, to: &mut BytesMut) -> usize {
    let mut count = 0;
    for part in frame.parts() {
        if count >= skipped {
            write_packet(part, to);
        }
        count += 1;
    }
    count
}

fn write_packet(part: Part<'_>, to: &mut BytesMut) {
    to.extend_from_slice(b"data: ");
    if part.text && memchr2(b'\n', b'\r', part.payload).is_none() {
        to.extend_from_slice(part.payload);
    } else {
        to.extend_from_slice(if part.text { b"t" } else { b"b" });
        let start = to.len();
        to.resize(start + part.payload.len().div_ceil(3) * 4, 0);
        let room = to.get_mut(start..).unwrap_or_default();
        let written = STANDARD.encode_slice(part.payload, room);
        debug_assert_eq!(written.ok(), Some(to.len() - start));
    }
    to.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::Message;

    fn written(frame: &Frame, skipped: usize) -> (String, usize) {
        let mut to = BytesMut::new();
        let count = write(frame, skipped, &mut to);
        (String::from_utf8(to.to_vec()).unwrap(), count)
    }

    fn text(text: &'static str) -> Frame {
        Frame::message(&Message::Text(Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn a_packet_is_one_data_line_whatever_is_in_it() {
        assert_eq!(written(&text("2[\"é\"]"), 0).0, "data: 42[\"é\"]\n\n");
        let binary = Frame::message(&Message::Binary(Bytes::from_static(&[1, 2, 3, 4])));
        assert_eq!(written(&binary, 0).0, "data: bAQIDBA==\n\n");
        for broken in ["a\nb", "a\rb", "\r\n"] {
            let (line, _) = written(&text(broken), 0);
            let base64 = line.strip_prefix("data: t").unwrap().trim_end();
            assert_eq!(
                STANDARD.decode(base64).unwrap(),
                format!("4{broken}").as_bytes()
            );
        }
    }

    #[test]
    fn packets_that_the_client_has_are_left_out() {
        let frame = text("a").followed_by([text("b"), text("c")]);
        assert_eq!(
            written(&frame, 0),
            ("data: 4a\n\ndata: 4b\n\ndata: 4c\n\n".into(), 3)
        );
        assert_eq!(written(&frame, 2), ("data: 4c\n\n".into(), 3));
    }
}
