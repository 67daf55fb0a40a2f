//! Inflating a message that was read.

use bytes::Bytes;

use super::{event::Violation, unfinished::is_utf8};
use crate::{
    engine::breach::Breach,
    wire::{self, EnginePacket, InflateError, Message},
};

/// The longest text that is inflated and is no message of the layer above. Engine.IO's own packets have a few bytes, and a
/// turn counts each of them as one, however long it is.
const MAX_PACKET: usize = 4 * 1024;

/// The message that this one holds. Its text is validated here, since that of the compressed one means nothing.
pub(super) fn inflate(message: &Message, max_payload: usize) -> Result<Message, Violation> {
    let inflated = |compressed: &Bytes| {
        wire::inflate(compressed, max_payload).map_err(|error| match error {
            InflateError::Corrupt => Violation::Corrupt,
            InflateError::TooLong(bytes) => Violation::Limit(Breach::InflatesTooLong {
                compressed: compressed.len() as u64,
                bytes: bytes as u64,
                max: max_payload as u64,
            }),
        })
    };
    Ok(match message {
        Message::Binary(compressed) => Message::Binary(inflated(compressed)?),
        Message::Text(compressed) => {
            let text = inflated(compressed)?;
            if !is_utf8(&text) {
                return Err(Violation::InvalidUtf8);
            }
            // `b`: a binary message in base64.
            let is_message = matches!(text.first(), Some(&EnginePacket::MESSAGE | b'b'));
            if !is_message && text.len() > MAX_PACKET {
                return Err(Violation::LongPacket);
            }
            Message::Text(text)
        }
    })
}
