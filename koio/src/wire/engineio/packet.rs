//! One Engine.IO packet in its text form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf, Bytes};

use super::revision::Revision;
use crate::wire::{DecodeError, DecodeErrorKind};

/// The data of one Engine.IO message, without the type digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(Bytes),
    /// Binary data.
    Binary(Bytes),
}

/// An empty text.
impl Default for Message {
    fn default() -> Self {
        Self::Text(Bytes::new())
    }
}

impl Message {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One Engine.IO packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnginePacket {
    /// `0`: the handshake, as JSON.
    Open(Bytes),
    /// `1`: the peer closes the session.
    Close,
    /// `2`, with the data that the answer has to repeat.
    Ping(Bytes),
    /// `3`, with the data of the ping.
    Pong(Bytes),
    /// `4`, or a binary message of either transport.
    Message(Message),
    /// `5`: the client has moved to the new transport.
    Upgrade,
    /// `6`: nothing.
    Noop,
}

impl EnginePacket {
    /// The type digit of a message.
    pub(crate) const MESSAGE: u8 = b'4';

    /// Reads a packet from its text: a type digit, then data; or `b`, then a binary message in base64.
    ///
    /// The protocol defines the `b` form for polling payloads only, but the official client with the option
    /// `forceBase64` sends it over WebSocket as well.
    ///
    /// # Errors
    ///
    /// When the text is empty or starts with anything but a known digit, or when what follows the `b` is no
    /// base64 with its padding.
    pub fn decode(text: Bytes) -> Result<Self, DecodeError> {
        Self::decode_of(text, Revision::Four)
    }

    /// [`decode`](Self::decode) for a client of this revision. In 3 there is a `4` behind the `b`.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_of(mut text: Bytes, revision: Revision) -> Result<Self, DecodeError> {
        let Some(&digit) = text.first() else {
            return Err(DecodeError::new(DecodeErrorKind::Empty, 0));
        };
        if digit == b'b' && revision.is_three() {
            if text.get(1) != Some(&Self::MESSAGE) {
                return Err(DecodeError::new(DecodeErrorKind::UnknownType, 1));
            }
            text.advance(1);
        }
        let data = || {
            text.advance(1);
            text
        };
        Ok(match digit {
            b'0' => Self::Open(data()),
            b'1' => Self::Close,
            b'2' => Self::Ping(data()),
            b'3' => Self::Pong(data()),
            Self::MESSAGE => Self::Message(Message::Text(data())),
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            b'b' => match STANDARD.decode(data()) {
                Ok(data) => Self::Message(Message::Binary(data.into())),
                Err(_) => return Err(DecodeError::new(DecodeErrorKind::Base64, 0)),
            },
            _ => return Err(DecodeError::new(DecodeErrorKind::UnknownType, 0)),
        })
    }

    /// Reads a packet of revision 3 from bytes: the type, which has to be that of a message, then data.
    ///
    /// # Errors
    ///
    /// When there are none, or when it is another type.
    pub fn decode_binary(mut bytes: Bytes) -> Result<Self, DecodeError> {
        match bytes.first() {
            Some(4) => {
                bytes.advance(1);
                Ok(Self::Message(Message::Binary(bytes)))
            }
            Some(_) => Err(DecodeError::new(DecodeErrorKind::UnknownType, 0)),
            None => Err(DecodeError::new(DecodeErrorKind::Empty, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &'static str) -> Result<EnginePacket, DecodeError> {
        EnginePacket::decode(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn every_type_digit_is_read_with_its_data() {
        let text = Bytes::from_static;
        assert_eq!(
            decode(r#"0{"sid":"x"}"#),
            Ok(EnginePacket::Open(text(br#"{"sid":"x"}"#)))
        );
        assert_eq!(decode("1"), Ok(EnginePacket::Close));
        assert_eq!(decode("2"), Ok(EnginePacket::Ping(Bytes::new())));
        assert_eq!(decode("2probe"), Ok(EnginePacket::Ping(text(b"probe"))));
        assert_eq!(decode("3probe"), Ok(EnginePacket::Pong(text(b"probe"))));
        assert_eq!(
            decode("4"),
            Ok(EnginePacket::Message(Message::Text(Bytes::new())))
        );
        assert_eq!(
            decode("4hello€"),
            Ok(EnginePacket::Message(Message::Text(text(
                "hello€".as_bytes()
            ))))
        );
        assert_eq!(decode("5"), Ok(EnginePacket::Upgrade));
        assert_eq!(decode("6"), Ok(EnginePacket::Noop));
        assert_eq!(
            decode("bAQI="),
            Ok(EnginePacket::Message(Message::Binary(Bytes::from_static(
                &[1, 2]
            ))))
        );
    }

    #[test]
    fn base64_of_revision_3_has_the_type_of_a_message() {
        let three = Revision::Three { base64: false };
        let read = |text: &'static str| EnginePacket::decode_of(text.into(), three);
        let binary = EnginePacket::Message(Message::Binary(Bytes::from_static(&[1, 2])));
        assert_eq!(read("b4AQI="), Ok(binary.clone()));
        let bytes = Bytes::from_static(&[4, 1, 2]);
        assert_eq!(EnginePacket::decode_binary(bytes), Ok(binary));
        for text in ["b", "bAQI=", "b2AQI="] {
            let error = DecodeError::new(DecodeErrorKind::UnknownType, 1);
            assert_eq!(read(text), Err(error), "{text}");
        }
        for bytes in [&[2_u8, 1][..], b"4a"] {
            let read = EnginePacket::decode_binary(Bytes::from_static(bytes));
            assert_eq!(read, Err(DecodeError::new(DecodeErrorKind::UnknownType, 0)));
        }
    }

    #[test]
    fn an_empty_text_and_an_unknown_digit_are_refused() {
        assert_eq!(decode(""), Err(DecodeError::new(DecodeErrorKind::Empty, 0)));
        for text in ["7", "9", "abc", " 4x", "\u{1e}", "é"] {
            assert_eq!(
                decode(text),
                Err(DecodeError::new(DecodeErrorKind::UnknownType, 0)),
                "{text}"
            );
        }
    }
}
