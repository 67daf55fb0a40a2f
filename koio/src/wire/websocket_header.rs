//! The header of a WebSocket frame (RFC 6455 section 5.2): the only place that parses or writes one.
//!
//! ```text
//! byte 0   FIN RSV1 RSV2 RSV3 opcode(4)
//! byte 1   MASK length(7): 126 and 127 say that the length follows in 2 or 8 bytes
//!          [length]  [mask(4)]
//! ```

use std::{fmt, ops::Deref};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation = 0,
    /// A text message, or its first fragment.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// A close frame.
    Close = 8,
    /// A ping.
    Ping = 9,
    /// A pong.
    Pong = 10,
}

impl Opcode {
    #[inline]
    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether this is a control frame, which may stand between the fragments of a message.
    #[inline]
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are the bits of the first byte"
)]
pub struct FrameHeader {
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// The first reserved bit: a compressed message, if permessage-deflate was negotiated.
    pub rsv1: bool,
    /// The second reserved bit.
    pub rsv2: bool,
    /// The third reserved bit.
    pub rsv3: bool,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The key that the payload is masked with. Clients must mask, servers must not.
    pub mask: Option<[u8; 4]>,
    /// How many bytes of payload follow the header.
    pub payload_len: u64,
}

impl FrameHeader {
    /// Length of the longest header: two bytes, a 64-bit length and a mask.
    pub const MAX_LEN: usize = 14;
    /// Length of the longest header without a mask.
    pub const MAX_UNMASKED_LEN: usize = 10;

    /// The header of an unmasked frame that carries a whole message.
    #[inline]
    #[must_use]
    pub const fn unmasked(opcode: Opcode, payload_len: usize) -> Self {
        Self {
            fin: true,
            rsv1: false,
            rsv2: false,
            rsv3: false,
            opcode,
            mask: None,
            payload_len: payload_len as u64,
        }
    }

    /// Parses the header that `bytes` begin with, and returns it with the number of its bytes: the payload follows them.
    /// Returns `None` while bytes of it are missing; the caller then tries again with more.
    ///
    /// A length in more bytes than needed is taken, as tungstenite and ws take it, so the number of bytes may be above
    /// [`len`](Self::len).
    ///
    /// Checks what is wrong in any connection. Which reserved bits are allowed, whether a mask must be there, and how
    /// long a payload may be, is for the caller to check.
    ///
    /// # Errors
    ///
    /// As soon as the bytes that are there break a rule: see [`HeaderError`].
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeaderError> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let Some(opcode) = Opcode::from_bits(first & 0x0f) else {
            return Err(HeaderError::ReservedOpcode);
        };
        let fin = first & 0x80 != 0;
        if opcode.is_control() && !fin {
            return Err(HeaderError::BadControlFrame);
        }
        let (payload_len, rest) = match second & 0x7f {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                (u64::from_be_bytes(*len), rest)
            }
            short => (u64::from(short), rest),
        };
        if opcode.is_control() && payload_len > 125 {
            return Err(HeaderError::BadControlFrame);
        }
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        let header = Self {
            fin,
            rsv1: first & 0x40 != 0,
            rsv2: first & 0x20 != 0,
            rsv3: first & 0x10 != 0,
            opcode,
            mask,
            payload_len,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// How many bytes the header takes when it is [encoded](Self::encode).
    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        let len = match self.payload_len {
            ..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        len + if self.mask.is_some() { 4 } else { 0 }
    }

    /// The header as it is sent.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> EncodedHeader {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut bytes = [0; Self::MAX_LEN];
        let [first, second, rest @ ..] = &mut bytes;
        *first = bit(self.fin, 0x80)
            | bit(self.rsv1, 0x40)
            | bit(self.rsv2, 0x20)
            | bit(self.rsv3, 0x10)
            | self.opcode as u8;
        let rest = if let Ok(len @ ..=125) = u8::try_from(self.payload_len) {
            *second = len;
            &mut rest[..]
        } else if let (Ok(len), [a, b, rest @ ..]) = (u16::try_from(self.payload_len), &mut *rest) {
            *second = 126;
            [*a, *b] = len.to_be_bytes();
            rest
        } else {
            *second = 127;
            let (len, rest) = rest.split_at_mut(8);
            len.copy_from_slice(&self.payload_len.to_be_bytes());
            rest
        };
        if let Some(mask) = self.mask {
            *second |= 0x80;
            for (to, from) in rest.iter_mut().zip(mask) {
                *to = from;
            }
        }
        EncodedHeader {
            bytes,
            len: self.len(),
        }
    }
}

/// The bytes of a [`FrameHeader`].
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: usize,
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let Some(bytes) = self.bytes.get(..self.len) else {
            debug_assert!(false, "no header is longer than MAX_LEN");
            return &self.bytes;
        };
        bytes
    }
}

/// A header that breaks RFC 6455. The connection must be closed with 1002.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderError {
    /// An opcode that the protocol reserves.
    ReservedOpcode,
    /// A control frame that is fragmented or carries more than 125 bytes.
    BadControlFrame,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedOpcode => "reserved opcode",
            Self::BadControlFrame => "control frame that is fragmented or too long",
        })
    }
}

impl std::error::Error for HeaderError {}
