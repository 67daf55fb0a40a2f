//! WebSocket frames as a client writes and reads them.

/// The opcode of a text frame.
pub(crate) const TEXT: u8 = 1;
/// The opcode of a binary frame.
pub(crate) const BINARY: u8 = 2;
/// The opcode of a close frame.
pub(crate) const CLOSE: u8 = 8;
/// The opcode of a ping.
pub(crate) const PING: u8 = 9;
/// The opcode of a pong.
pub(crate) const PONG: u8 = 10;
/// Any mask will do, but for one of zeros, which would save the server work.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x3c];

/// A message that is sent over and over with other numbers in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where a number goes, where the payload around it begins, and whether it is masked.
    numbers: Vec<Number>,
}

#[derive(Debug, Clone, Copy)]
struct Number {
    at: usize,
    payload: usize,
    masked: bool,
}

/// Digits of a number in a message: their count never changes, so neither does the message's length.
const DIGITS: usize = 8;

impl Template {
    /// A payload without a frame around it. Each `#` stands for the number.
    pub(crate) fn plain(payload: &str) -> Self {
        let mut template = Self::default();
        template.push(payload, false);
        template
    }

    /// A client's text frame. Each `#` stands for the number.
    pub(crate) fn text(payload: &str) -> Self {
        Self::default().frame(TEXT, payload)
    }

    /// Adds a client's frame. Each `#` in the payload stands for the number.
    pub(crate) fn frame(mut self, opcode: u8, payload: &str) -> Self {
        let length = payload.len() + payload.matches('#').count() * (DIGITS - 1);
        self.bytes.push(0x80 | opcode);
        match length {
            short @ 0..=125 => self.bytes.push(0x80 | short as u8),
            middle @ 126..=0xffff => {
                self.bytes.push(0x80 | 126);
                self.bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                self.bytes.push(0x80 | 127);
                self.bytes.extend((long as u64).to_be_bytes());
            }
        }
        self.bytes.extend(MASK);
        self.push(payload, true);
        self
    }

    fn push(&mut self, payload: &str, masked: bool) {
        let start = self.bytes.len();
        for byte in payload.bytes() {
            if byte == b'#' {
                let at = self.bytes.len();
                self.numbers.push(Number {
                    at,
                    payload: start,
                    masked,
                });
                self.bytes.extend([b'0'; DIGITS]);
            } else {
                self.bytes.push(byte);
            }
        }
        if masked {
            for (index, byte) in self.bytes[start..].iter_mut().enumerate() {
                *byte ^= MASK[index % 4];
            }
        }
    }

    /// The message with this number in it.
    pub(crate) fn with(&mut self, number: u64) -> &[u8] {
        let mut digits = [0; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        for place in &self.numbers {
            for (index, digit) in digits.iter().enumerate() {
                let at = place.at + index;
                let mask = if place.masked {
                    MASK[(at - place.payload) % 4]
                } else {
                    0
                };
                self.bytes[at] = digit ^ mask;
            }
        }
        &self.bytes
    }
}

/// A client's text message in fragments of one byte.
pub(crate) fn fragments(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, byte) in text.bytes().enumerate() {
        let opcode = if index == 0 { TEXT } else { 0 };
        let last = if index + 1 == text.len() { 0x80 } else { 0 };
        bytes.extend([last | opcode, 0x81]);
        bytes.extend(MASK);
        bytes.push(byte ^ MASK[0]);
    }
    bytes
}

/// The first number: it has all the digits, since an ack id does not begin with zeros.
pub(crate) const FIRST: u64 = 10_000_000;

/// A frame from the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    /// Whether it begins a compressed message (RSV1).
    pub(crate) compressed: bool,
    pub(crate) payload: &'a [u8],
    /// Bytes on the wire, the header's among them.
    pub(crate) length: usize,
}

/// Splits the first frame off; `None` if it is not all there.
pub(crate) fn split(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (header, length): (usize, usize) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(header..header.checked_add(length)?)?;
    let frame = Frame {
        opcode: first & 0x0f,
        compressed: first & 0x40 != 0,
        payload,
        length: header + length,
    };
    Some((frame, frame.length))
}
