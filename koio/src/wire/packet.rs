//! The text of a Socket.IO packet: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.

use bytes::Bytes;

use super::args::Attachments;
use super::json;
use super::{DecodeError, DecodeErrorKind, RawArgs};

/// What a packet is for. Events and acks with attachments are not kinds of their own here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// `0`: a client asks for a namespace, or a server grants it.
    Connect,
    /// `1`: one side leaves a namespace.
    Disconnect,
    /// `2`, or `5` with attachments.
    Event,
    /// `3`, or `6` with attachments.
    Ack,
    /// `4`: a server refuses a namespace.
    ConnectError,
}

/// What a peer may send at most, with the defaults in parentheses. A packet above one of them ends the session of
/// whoever sent it, as a forced close.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketLimits {
    /// Attachments of one packet (10).
    pub attachments: usize,
    /// Bytes of all attachments of one packet together (1,000,000).
    pub attachment_bytes: usize,
    /// Bytes of a namespace (255).
    pub namespace: usize,
    /// Bytes of an event name (255).
    pub event: usize,
    /// Bytes of the data of a CONNECT packet (64 KiB).
    pub auth: usize,
    /// Lists and objects inside each other (128, which is also the most there can be).
    pub depth: usize,
}

impl Default for PacketLimits {
    fn default() -> Self {
        Self {
            attachments: 10,
            attachment_bytes: 1_000_000,
            namespace: 255,
            event: 255,
            auth: 64 * 1024,
            depth: json::MAX_DEPTH,
        }
    }
}

/// A Socket.IO packet, its data still text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is for.
    pub kind: PacketKind,
    /// Its namespace, `/` where none was written.
    pub namespace: Bytes,
    /// The ack id of an event that wants an answer, or of the answer.
    pub id: Option<u64>,
    /// How many binary messages belong to it.
    pub attachments: usize,
    /// Whether it was sent as a binary packet, where placeholders stand for attachments.
    pub binary: bool,
    /// The data as JSON. Empty where there is none.
    pub data: Bytes,
}

/// Ack ids are JavaScript numbers: above this they are no longer exact.
const MAX_ID: u64 = (1 << 53) - 1;

impl Packet {
    /// The namespace as text.
    #[must_use]
    pub fn namespace(&self) -> &str {
        namespace(&self.namespace)
    }

    /// Reads a packet from the text of an Engine.IO message, which must be UTF-8.
    ///
    /// The data of events and acks is not parsed, for an argument's type will do that: only its
    /// depth is checked, and that it looks like a list. Other data is checked entirely, and so are
    /// the placeholders of binary packets.
    ///
    /// # Errors
    ///
    /// When the text breaks the grammar, its type's shape of data, or a limit.
    pub fn decode(text: &Bytes, limits: &PacketLimits) -> Result<Self, DecodeError> {
        let head = Head::read(text, limits)?;
        Ok(Self {
            kind: head.kind,
            namespace: head.shared_namespace(text),
            id: head.id,
            attachments: head.attachments,
            binary: head.binary,
            data: text.slice(head.data..),
        })
    }
}

/// A packet where it lies: what comes before the data, and where that begins.
pub(crate) struct Head {
    pub(super) kind: PacketKind,
    pub(super) binary: bool,
    /// Whether the data has been found to be JSON already; otherwise only its edges have been looked at.
    pub(super) checked: bool,
    pub(super) attachments: usize,
    pub(super) id: Option<u64>,
    /// From where to where it is written, if it is.
    namespace: Option<(usize, usize)>,
    pub(super) data: usize,
}

impl Head {
    #[inline]
    pub(super) fn read(text: &[u8], limits: &PacketLimits) -> Result<Self, DecodeError> {
        let mut cursor = Cursor { text, at: 0 };
        let (kind, binary) = cursor.kind()?;
        let attachments = if binary {
            cursor.attachments(limits)?
        } else {
            0
        };
        let namespace = cursor.namespace(limits)?;
        let id = match kind {
            PacketKind::Event | PacketKind::Ack => cursor.id()?,
            _ => None,
        };
        let start = cursor.at;
        let data = cursor.rest();
        let in_text = |error: DecodeError| DecodeError::new(error.kind(), start + error.offset());
        shape(kind, data, id, limits).map_err(in_text)?;
        let lazy = matches!(kind, PacketKind::Event | PacketKind::Ack) && !binary;
        // A short text can't be deep.
        let checked = if lazy && data.len() <= limits.depth {
            false
        } else {
            check(kind, data, binary.then_some(attachments), limits).map_err(in_text)?
        };
        Ok(Self {
            kind,
            binary,
            checked,
            attachments,
            id,
            namespace,
            data: start,
        })
    }

    /// Whether this is an event that is complete without attachments: nearly all packets are.
    pub(crate) fn is_whole_event(&self) -> bool {
        self.kind == PacketKind::Event && self.attachments == 0
    }

    /// The namespace in the text that this was read from.
    #[inline]
    pub(crate) fn namespace<'a>(&self, text: &'a [u8]) -> &'a str {
        match self.namespace {
            Some((start, end)) => namespace(text.get(start..end).unwrap_or_default()),
            None => "/",
        }
    }

    /// The same, to be kept.
    pub(super) fn shared_namespace(&self, text: &Bytes) -> Bytes {
        match self.namespace {
            Some((start, end)) => text.slice(start..end),
            None => Bytes::from_static(b"/"),
        }
    }

    /// The arguments in the list of this packet: behind the name that ends at `name`, or all of its items.
    #[inline]
    pub(super) fn args(&self, packet: Bytes, name: Option<usize>) -> RawArgs {
        let attachments = if self.binary {
            Attachments::Empty
        } else {
            Attachments::None
        };
        RawArgs::new(packet, self.data, name, attachments, self.checked)
    }
}

/// A namespace as text, which it is by the time it gets here; what is not would be nobody's.
pub(crate) fn namespace(name: &[u8]) -> &str {
    match name {
        // Nearly all of them.
        b"/" => "/",
        name => std::str::from_utf8(name).unwrap_or_default(),
    }
}

/// Looks at the first and the last byte, which say whether the data can be what the kind needs.
fn shape(
    kind: PacketKind,
    data: &[u8],
    id: Option<u64>,
    limits: &PacketLimits,
) -> Result<(), DecodeError> {
    let error = |kind| Err(DecodeError::new(kind, 0));
    match kind {
        PacketKind::Connect if data.len() > limits.auth => error(DecodeErrorKind::AuthTooLong),
        PacketKind::Connect if data.is_empty() || data.starts_with(b"{") => Ok(()),
        PacketKind::ConnectError if matches!(data.first(), Some(b'{' | b'"')) => Ok(()),
        PacketKind::Disconnect if data.is_empty() => Ok(()),
        PacketKind::Ack if id.is_none() => error(DecodeErrorKind::AckId),
        PacketKind::Event | PacketKind::Ack if data.starts_with(b"[") => {
            if data.trim_ascii_end().ends_with(b"]") {
                Ok(())
            } else {
                Err(DecodeError::new(DecodeErrorKind::Json, data.len()))
            }
        }
        _ => error(DecodeErrorKind::Payload),
    }
}

/// Checks the data as far as no type will, and says whether that was all of it.
fn check(
    kind: PacketKind,
    data: &[u8],
    attachments: Option<usize>,
    limits: &PacketLimits,
) -> Result<bool, DecodeError> {
    if let Some(count) = attachments {
        let mut placeholders = json::Placeholders::new(count);
        json::document(data, limits.depth, &mut placeholders)?;
        return Ok(true);
    }
    let lazy = matches!(kind, PacketKind::Event | PacketKind::Ack);
    if data.is_empty() || lazy && json::is_shallow(data, limits.depth) {
        return Ok(!lazy);
    }
    json::document(data, limits.depth, &mut json::Unwatched)?;
    Ok(true)
}

/// The number that the digits at the beginning of the word make, and how many they are: all of them at once.
fn digits(word: [u8; 8]) -> (u64, usize) {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let values = u64::from_le_bytes(word) ^ (ONES * 0x30);
    // The upper bit of each byte that is above nine. A carry comes out of those above 0x7f only, and then their own bit
    // is set: what comes before the first of them is right.
    let above = (values.wrapping_add(ONES * 0x76) | values) & (ONES * 0x80);
    let len = above.trailing_zeros() / 8;
    // In front of them as many zeros as are missing; then two neighbours make one, three times.
    let digits = values.checked_shl(64 - 8 * len).unwrap_or(0);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let all = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    (all, len as usize)
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn error<T>(&self, kind: DecodeErrorKind) -> Result<T, DecodeError> {
        Err(DecodeError::new(kind, self.at))
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn kind(&mut self) -> Result<(PacketKind, bool), DecodeError> {
        let kind = match self.text.first() {
            Some(b'0') => (PacketKind::Connect, false),
            Some(b'1') => (PacketKind::Disconnect, false),
            Some(b'2') => (PacketKind::Event, false),
            Some(b'3') => (PacketKind::Ack, false),
            Some(b'4') => (PacketKind::ConnectError, false),
            Some(b'5') => (PacketKind::Event, true),
            Some(b'6') => (PacketKind::Ack, true),
            Some(_) => return self.error(DecodeErrorKind::UnknownType),
            None => return self.error(DecodeErrorKind::Empty),
        };
        self.at = 1;
        Ok(kind)
    }

    /// An integer without leading zeros, or nothing if there is no digit.
    fn integer(&mut self, error: DecodeErrorKind) -> Result<Option<u64>, DecodeError> {
        let rest = self.rest();
        let (mut value, mut len) = rest.first_chunk().map_or((0, 0), |word| digits(*word));
        while let Some(digit @ b'0'..=b'9') = rest.get(len) {
            // It may only overflow where there are more than nineteen.
            value = value.wrapping_mul(10).wrapping_add((digit - b'0').into());
            len += 1;
        }
        match rest {
            _ if len == 0 => return Ok(None),
            [b'0', ..] if len > 1 => return self.error(error),
            _ if len > 19 => return self.error(error),
            _ => {}
        }
        self.at += len;
        Ok(Some(value))
    }

    fn attachments(&mut self, limits: &PacketLimits) -> Result<usize, DecodeError> {
        let start = self.at;
        let count = self.integer(DecodeErrorKind::Attachments)?;
        if self.rest().first() != Some(&b'-') {
            return self.error(DecodeErrorKind::Attachments);
        }
        self.at += 1;
        match count.map(usize::try_from) {
            Some(Ok(count)) if count <= limits.attachments => Ok(count),
            Some(_) => Err(DecodeError::new(DecodeErrorKind::TooManyAttachments, start)),
            None => Err(DecodeError::new(DecodeErrorKind::Attachments, start)),
        }
    }

    fn namespace(&mut self, limits: &PacketLimits) -> Result<Option<(usize, usize)>, DecodeError> {
        let rest = self.rest();
        if rest.first() != Some(&b'/') {
            return Ok(None);
        }
        // A comma further away than the limit allows is of no interest.
        let comma = rest
            .iter()
            .take(limits.namespace.saturating_add(1))
            .position(|&byte| byte == b',');
        let len = comma.unwrap_or(rest.len());
        if len > limits.namespace {
            return self.error(DecodeErrorKind::NamespaceTooLong);
        }
        let namespace = (self.at, self.at + len);
        self.at += len + usize::from(comma.is_some());
        Ok(Some(namespace))
    }

    fn id(&mut self) -> Result<Option<u64>, DecodeError> {
        let start = self.at;
        match self.integer(DecodeErrorKind::AckId)? {
            Some(id) if id > MAX_ID => Err(DecodeError::new(DecodeErrorKind::AckId, start)),
            id => Ok(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn a_word_is_read_as_its_digits_one_by_one_would_be() {
        let slow = |word: [u8; 8]| {
            let digits = word.iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold((0, 0), |(value, len), digit| {
                (value * 10 + u64::from(digit - b'0'), len + 1)
            })
        };
        for other in 0..=u8::MAX {
            for at in 0..8 {
                for around in [*b"00000000", *b"99999999", *b"12345678", [0xff; 8]] {
                    let mut word = around;
                    word[at] = other;
                    assert_eq!(digits(word), slow(word), "{word:?}");
                    word[at + 1..].fill(other.wrapping_mul(7));
                    assert_eq!(digits(word), slow(word), "{word:?}");
                }
            }
        }
    }
}
