//! What a WebSocket writes of its own: the response of its handshake, pongs, a close frame.

use bytes::Bytes;

/// The most bytes of pongs that wait to be written. When more come, the older ones are dropped: only the last ping must
/// be answered (RFC 6455 section 5.5.3), and a peer that sends pings without reading must not fill the memory.
pub(super) const MAX_PONGS: usize = 4 * 1024;

const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;

/// Bytes that are written ahead of the queued frames, in one write with them.
#[derive(Debug, Default)]
pub(super) struct UrgentBytes {
    /// The writer takes all of them, or none.
    pub(super) bytes: Vec<u8>,
    /// How many of them are the handshake's response, which must not be dropped.
    response: u32,
}

impl UrgentBytes {
    /// The response of the handshake, before anything else is written.
    pub(super) fn response(response: Vec<u8>) -> Self {
        Self {
            response: response.len() as u32,
            bytes: response,
        }
    }

    /// Adds the answer to a ping.
    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        let response = self.response as usize;
        if self.bytes.len() - response + 2 + payload.len() > MAX_PONGS {
            self.bytes.truncate(response);
        }
        push(&mut self.bytes, PONG, payload);
    }
}

/// A close frame.
pub(super) fn close_frame(payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(2 + payload.len());
    push(&mut frame, CLOSE, payload);
    frame.into()
}

/// Appends a control frame, whose payload has at most 125 bytes.
fn push(frames: &mut Vec<u8>, first: u8, payload: &[u8]) {
    debug_assert!(payload.len() <= 125, "the payload of a control frame");
    frames.extend_from_slice(&[first, payload.len() as u8]);
    frames.extend_from_slice(payload);
}
