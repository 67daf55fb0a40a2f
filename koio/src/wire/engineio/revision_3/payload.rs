//! Writing payloads.

use bytes::Bytes;

use crate::wire::engineio::frame::{Frame, Part};

/// Writes frames [of revision 3](crate::wire::Revision::Three) as a polling body. Says whether that is binary: it is if one of
/// the messages is; and if one is text beyond ASCII, unless the client reads text alone (`base64`). In bytes clients of
/// Socket.IO 1 and 2 read the same text; in text the former expect UTF-8 in UTF-8.
#[must_use]
pub fn encode(frames: &[Frame], base64: bool) -> (Bytes, bool) {
    let parts = || frames.iter().flat_map(Frame::parts);
    let is_binary = parts().any(|part| !part.text || !base64 && !part.payload.is_ascii());
    let mut body = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 8).sum());
    for part in parts() {
        if is_binary {
            push_bytes(&mut body, part);
        } else {
            push_length(&mut body, utf16_units(part.payload), b'0');
            body.push(b':');
            body.extend_from_slice(part.payload);
        }
    }
    (body.into(), is_binary)
}

fn push_bytes(body: &mut Vec<u8>, part: Part<'_>) {
    body.push(u8::from(!part.text));
    push_length(body, part.payload.len(), 0);
    body.push(255);
    body.extend_from_slice(part.payload);
}

/// Appends the decimal digits, of which the first is `zero`.
fn push_length(body: &mut Vec<u8>, length: usize, zero: u8) {
    let start = body.len();
    let mut rest = length;
    loop {
        body.push(zero + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    body.get_mut(start..).unwrap_or_default().reverse();
}

/// How many UTF-16 code units this UTF-8 is: one for each character, and two for one of four bytes.
fn utf16_units(text: &[u8]) -> usize {
    let is_first = |byte: u8| byte & 0xc0 != 0x80;
    let units = |byte: &u8| usize::from(is_first(*byte)) + usize::from(*byte >= 0xf0);
    text.iter().map(units).sum()
}
