//! Control frames that answer the peer's.

use bytes::Bytes;

/// The most bytes of pongs that wait to be written. When more come, the older ones are dropped: only the last ping must
/// be answered (RFC 6455 section 5.5.3), and a peer that sends pings without reading must not fill the memory.
pub(super) const MAX_PONGS: usize = 4 * 1024;

const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;

/// A close frame. A control frame's payload has at most 125 bytes, so its length is one byte.
pub(super) fn close_frame(payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(2 + payload.len());
    push(&mut frame, CLOSE, payload);
    frame.into()
}

/// Adds the answer to a ping, which has at most 125 bytes of payload.
pub(super) fn push_pong(pongs: &mut Vec<u8>, payload: &[u8]) {
    if pongs.len() + 2 + payload.len() > MAX_PONGS {
        pongs.clear();
    }
    push(pongs, PONG, payload);
}

fn push(frames: &mut Vec<u8>, first: u8, payload: &[u8]) {
    debug_assert!(payload.len() <= 125, "the payload of a control frame");
    frames.extend_from_slice(&[first, payload.len() as u8]);
    frames.extend_from_slice(payload);
}
