//! msgpack to JSON text.

#[cfg(any(test, feature = "redis"))]
use std::fmt;

use bytes::Bytes;

use super::{date::iso_date, integer::Integer};
#[cfg(any(test, feature = "redis"))]
use crate::wire::json::MAX_DEPTH;
use crate::wire::json::push_string;

/// What a message may put around the arguments of an event, which are measured by themselves.
#[cfg(any(test, feature = "redis"))]
const DEPTH: usize = MAX_DEPTH + 4;

/// What becomes of binary data.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binary {
    /// Attachments, at most so many, and placeholders in the text.
    Attached(usize),
    /// Text: `{"type":"Buffer","data":[1,2]}`, which is a `Buffer` of Node in JSON.
    Text,
}

/// One value.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// JSON text.
    pub(crate) json: Vec<u8>,
    /// Parts of the message that was read.
    pub(crate) attachments: Vec<Bytes>,
}

/// Why bytes are not one value of msgpack that JSON can say, and where.
#[cfg(any(test, feature = "redis"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnpackError {
    pub(crate) kind: UnpackErrorKind,
    pub(crate) offset: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnpackErrorKind {
    /// It ends within a value.
    Truncated,
    /// Bytes behind the value.
    Trailing,
    /// The one byte that msgpack does not use.
    Reserved,
    /// Lists and maps inside each other, more than fit in JSON of koio.
    TooDeep,
    /// Something else where a map must be.
    #[cfg(any(test, feature = "msgpack"))]
    NoMap,
    /// A key that is a list, a map or an extension.
    Key,
    TooManyAttachments,
    /// A map with the key `_placeholder` beside binary data: its receivers would take it for an attachment.
    PlaceholderKey,
}

#[cfg(any(test, feature = "redis"))]
impl fmt::Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            UnpackErrorKind::Truncated => "msgpack ends within a value",
            UnpackErrorKind::Trailing => "bytes behind the value of msgpack",
            UnpackErrorKind::Reserved => "reserved byte of msgpack",
            UnpackErrorKind::TooDeep => "msgpack nested too deep",
            #[cfg(any(test, feature = "msgpack"))]
            UnpackErrorKind::NoMap => "msgpack without a map",
            UnpackErrorKind::Key => "a key of msgpack is no text",
            UnpackErrorKind::TooManyAttachments => "too many attachments in msgpack",
            UnpackErrorKind::PlaceholderKey => "a `_placeholder` key beside binary data",
        };
        write!(f, "{what}, at byte {}", self.offset)
    }
}

/// Reads the value that `packed` is, as JavaScript would say it in JSON: NaN is `null`, a date is ISO 8601, keys are
/// strings, an integral float is an integer, text that is not UTF-8 has U+FFFD in it.
///
/// Of the extensions, -1 is a date. Type 0 is what notepack 2 wrote: `undefined` (`null` here), a date, or binary data.
/// Any other becomes `[type, data]`, which is what notepack reads. The keys of a map are not compared: of one that is there
/// twice, both are written.
///
/// A length that the message claims allocates nothing: each byte of the text is paid for by a byte that was read, a control
/// character in a text being the worst of ordinary values (6 to 1), an empty `Buffer` as text of all (14 to 1).
///
/// # Errors
/// See [`UnpackErrorKind`].
#[cfg(any(test, feature = "redis"))]
pub(crate) fn unpack(packed: &Bytes, binary: Binary) -> Result<Unpacked, UnpackError> {
    const MOST_TO_BEGIN_WITH: usize = 16 * 1024;
    let capacity = packed.len() + packed.len() / 4;
    let mut unpacker = Unpacker::new(packed, binary, DEPTH);
    unpacker.json.reserve(capacity.min(MOST_TO_BEGIN_WITH));
    let value = unpacker.next_value();
    value
        .and_then(|value| unpacker.end().map(|()| value))
        .map_err(|kind| UnpackError {
            kind,
            offset: unpacker.at,
        })
}

/// What a value is, told by its first bytes.
#[cfg(any(test, feature = "msgpack"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// What notepack 2 writes for JavaScript's `undefined`.
    Undefined,
    Text,
    List,
    Map,
    Other,
}

/// Reads values one behind the other, as [`unpack`] reads one.
pub(crate) struct Unpacker<'a> {
    packed: &'a Bytes,
    at: usize,
    json: Vec<u8>,
    attachments: Vec<Bytes>,
    binary: Binary,
    /// How many lists and maps may be inside each other in one value.
    depth: usize,
    /// Whether there was such a key.
    placeholder_key: bool,
}

#[cfg(any(test, feature = "msgpack"))]
impl Unpacker<'_> {
    /// Where the next value begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    /// What the next value is.
    pub(crate) fn shape(&self) -> Shape {
        let rest = self.packed.get(self.at..).unwrap_or_default();
        match rest {
            [0xd4, 0, ..] => Shape::Undefined,
            [0xa0..=0xbf | 0xd9..=0xdb, ..] => Shape::Text,
            [0x90..=0x9f | 0xdc | 0xdd, ..] => Shape::List,
            [0x80..=0x8f | 0xde | 0xdf, ..] => Shape::Map,
            _ => Shape::Other,
        }
    }

    /// Begins a map, which must come next. Returns how many entries it has.
    pub(crate) fn map_len(&mut self) -> Result<u64, UnpackErrorKind> {
        match self.byte()? {
            marker @ 0x80..=0x8f => Ok((marker & 0xf).into()),
            0xde => self.length(2),
            0xdf => self.length(4),
            _ => Err(UnpackErrorKind::NoMap),
        }
    }

    /// The next value, a key, as a string of JSON.
    pub(crate) fn next_key(&mut self) -> Result<Vec<u8>, UnpackErrorKind> {
        self.key(0)?;
        Ok(std::mem::take(&mut self.json))
    }
}

impl<'a> Unpacker<'a> {
    pub(crate) fn new(packed: &'a Bytes, binary: Binary, depth: usize) -> Self {
        Self {
            packed,
            at: 0,
            json: Vec::new(),
            attachments: Vec::new(),
            binary,
            depth,
            placeholder_key: false,
        }
    }

    pub(crate) fn next_value(&mut self) -> Result<Unpacked, UnpackErrorKind> {
        self.placeholder_key = false;
        self.value(0)?;
        if self.placeholder_key && !self.attachments.is_empty() {
            return Err(UnpackErrorKind::PlaceholderKey);
        }
        Ok(Unpacked {
            json: std::mem::take(&mut self.json),
            attachments: std::mem::take(&mut self.attachments),
        })
    }

    /// Nothing may be behind what was read.
    pub(crate) fn end(&self) -> Result<(), UnpackErrorKind> {
        if self.at != self.packed.len() {
            return Err(UnpackErrorKind::Trailing);
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), UnpackErrorKind> {
        match self.byte()? {
            marker @ 0x00..=0x7f => self.unsigned(marker.into()),
            marker @ 0x80..=0x8f => self.map((marker & 0xf).into(), depth)?,
            marker @ 0x90..=0x9f => self.list((marker & 0xf).into(), depth)?,
            marker @ 0xa0..=0xbf => self.string((marker & 0x1f).into())?,
            0xc0 => self.text("null"),
            0xc1 => return Err(UnpackErrorKind::Reserved),
            0xc2 => self.text("false"),
            0xc3 => self.text("true"),
            0xc4 => self.binary_of(1)?,
            0xc5 => self.binary_of(2)?,
            0xc6 => self.binary_of(4)?,
            0xc7 => self.extension_of(1)?,
            0xc8 => self.extension_of(2)?,
            0xc9 => self.extension_of(4)?,
            0xca => {
                let float = f32::from_be_bytes(self.array()?);
                self.float(float.into());
            }
            0xcb => {
                let float = f64::from_be_bytes(self.array()?);
                self.float(float);
            }
            0xcc => self.unsigned_of(1)?,
            0xcd => self.unsigned_of(2)?,
            0xce => self.unsigned_of(4)?,
            0xcf => self.unsigned_of(8)?,
            0xd0 => {
                let value = i8::from_be_bytes(self.array()?);
                self.signed(value.into());
            }
            0xd1 => {
                let value = i16::from_be_bytes(self.array()?);
                self.signed(value.into());
            }
            0xd2 => {
                let value = i32::from_be_bytes(self.array()?);
                self.signed(value.into());
            }
            0xd3 => {
                let value = i64::from_be_bytes(self.array()?);
                self.signed(value);
            }
            0xd4 => self.extension(1)?,
            0xd5 => self.extension(2)?,
            0xd6 => self.extension(4)?,
            0xd7 => self.extension(8)?,
            0xd8 => self.extension(16)?,
            0xd9 => self.string_of(1)?,
            0xda => self.string_of(2)?,
            0xdb => self.string_of(4)?,
            0xdc => {
                let len = self.length(2)?;
                self.list(len, depth)?;
            }
            0xdd => {
                let len = self.length(4)?;
                self.list(len, depth)?;
            }
            0xde => {
                let len = self.length(2)?;
                self.map(len, depth)?;
            }
            0xdf => {
                let len = self.length(4)?;
                self.map(len, depth)?;
            }
            marker @ 0xe0..=0xff => self.signed(i8::from_be_bytes([marker]).into()),
        }
        Ok(())
    }

    fn list(&mut self, len: u64, depth: usize) -> Result<(), UnpackErrorKind> {
        let inner = self.deeper(depth)?;
        self.json.push(b'[');
        for index in 0..len {
            if index > 0 {
                self.json.push(b',');
            }
            self.value(inner)?;
        }
        self.json.push(b']');
        Ok(())
    }

    fn map(&mut self, len: u64, depth: usize) -> Result<(), UnpackErrorKind> {
        let inner = self.deeper(depth)?;
        self.json.push(b'{');
        for index in 0..len {
            if index > 0 {
                self.json.push(b',');
            }
            self.key(inner)?;
            self.json.push(b':');
            self.value(inner)?;
        }
        self.json.push(b'}');
        Ok(())
    }

    /// JavaScript makes a string of every key.
    fn key(&mut self, depth: usize) -> Result<(), UnpackErrorKind> {
        let start = self.at;
        match self.byte()? {
            marker @ 0xa0..=0xbf => self.string((marker & 0x1f).into())?,
            0xd9 | 0xc4 => self.string_of(1)?,
            0xda | 0xc5 => self.string_of(2)?,
            0xdb | 0xc6 => self.string_of(4)?,
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xca..=0xd3 | 0xe0..=0xff => {
                self.at = start;
                self.json.push(b'"');
                self.value(depth)?;
                self.json.push(b'"');
            }
            _ => {
                self.at = start;
                return Err(UnpackErrorKind::Key);
            }
        }
        if self.json.ends_with(br#""_placeholder""#) {
            self.placeholder_key = true;
        }
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize, UnpackErrorKind> {
        if depth < self.depth {
            Ok(depth + 1)
        } else {
            Err(UnpackErrorKind::TooDeep)
        }
    }

    fn string_of(&mut self, width: usize) -> Result<(), UnpackErrorKind> {
        let len = self.length(width)?;
        self.string(len)
    }

    fn string(&mut self, len: u64) -> Result<(), UnpackErrorKind> {
        let bytes = self.bytes(len)?;
        push_string(&mut self.json, &String::from_utf8_lossy(bytes));
        Ok(())
    }

    fn binary_of(&mut self, width: usize) -> Result<(), UnpackErrorKind> {
        let len = self.length(width)?;
        let bytes = self.bytes(len)?;
        self.binary(bytes)
    }

    fn binary(&mut self, bytes: &'a [u8]) -> Result<(), UnpackErrorKind> {
        match self.binary {
            Binary::Attached(most) => {
                if self.attachments.len() >= most {
                    return Err(UnpackErrorKind::TooManyAttachments);
                }
                self.text(r#"{"_placeholder":true,"num":"#);
                self.unsigned(self.attachments.len() as u64);
                self.attachments.push(self.packed.slice_ref(bytes));
                self.json.push(b'}');
            }
            Binary::Text => {
                self.text(r#"{"type":"Buffer","data":["#);
                for (index, byte) in bytes.iter().enumerate() {
                    if index > 0 {
                        self.json.push(b',');
                    }
                    self.unsigned((*byte).into());
                }
                self.text("]}");
            }
        }
        Ok(())
    }

    fn extension_of(&mut self, width: usize) -> Result<(), UnpackErrorKind> {
        let len = self.length(width)?;
        self.extension(len)
    }

    fn extension(&mut self, len: u64) -> Result<(), UnpackErrorKind> {
        let kind = i8::from_be_bytes(self.array()?);
        let data = self.bytes(len)?;
        match (kind, data.len()) {
            (-1, 4 | 8 | 12) => self.date(timestamp(data)),
            (0, 1) if self.was_fixed(1, 0xd4) => self.text("null"),
            (0, 8) if self.was_fixed(8, 0xd7) => self.date(legacy_date(data)),
            (0, _) => self.binary(data)?,
            _ => {
                self.json.push(b'[');
                self.signed(kind.into());
                self.json.push(b',');
                self.binary(data)?;
                self.json.push(b']');
            }
        }
        Ok(())
    }

    /// Whether the extension that was just read has the marker for its length, and not the length itself.
    fn was_fixed(&self, len: usize, marker: u8) -> bool {
        let at = self.at.checked_sub(len + 2);
        at.and_then(|at| self.packed.get(at)) == Some(&marker)
    }

    fn date(&mut self, milliseconds: f64) {
        match iso_date(milliseconds) {
            Some(text) => push_string(&mut self.json, &text),
            None => self.text("null"),
        }
    }

    fn unsigned_of(&mut self, width: usize) -> Result<(), UnpackErrorKind> {
        let value = self.length(width)?;
        self.unsigned(value);
        Ok(())
    }

    fn unsigned(&mut self, value: u64) {
        // Writing a number to memory can't fail.
        let _ = serde_json::to_writer(&mut self.json, &value);
    }

    fn signed(&mut self, value: i64) {
        let _ = serde_json::to_writer(&mut self.json, &value);
    }

    /// An integral one is an integer within the bounds of integers, as in what JavaScript writes.
    fn float(&mut self, value: f64) {
        match Integer::of(value) {
            Some(Integer::Unsigned(value)) => self.unsigned(value),
            Some(Integer::Signed(value)) => self.signed(value),
            // serde_json writes `null` for what is not finite.
            None => {
                let _ = serde_json::to_writer(&mut self.json, &value);
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.json.extend_from_slice(text.as_bytes());
    }

    fn length(&mut self, width: usize) -> Result<u64, UnpackErrorKind> {
        let bytes = self.bytes(width as u64)?;
        Ok(big_endian(bytes))
    }

    fn byte(&mut self) -> Result<u8, UnpackErrorKind> {
        self.array().map(|[byte]| byte)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], UnpackErrorKind> {
        let rest = self.packed.get(self.at..).unwrap_or_default();
        let (bytes, _) = rest.split_first_chunk().ok_or(UnpackErrorKind::Truncated)?;
        self.at += LEN;
        Ok(*bytes)
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], UnpackErrorKind> {
        let len = usize::try_from(len).map_err(|_| UnpackErrorKind::Truncated)?;
        let rest = self.packed.get(self.at..).unwrap_or_default();
        let bytes = rest.get(..len).ok_or(UnpackErrorKind::Truncated)?;
        self.at += len;
        Ok(bytes)
    }
}

/// Milliseconds since 1970 of msgpack's own timestamps: seconds in 4 bytes; nanoseconds in 30 bits and seconds in 34;
/// nanoseconds in 4 bytes and signed seconds in 8.
fn timestamp(data: &[u8]) -> f64 {
    let (seconds, nanoseconds) = match data.split_at_checked(4) {
        Some((nanoseconds, seconds @ [_, _, _, _, _, _, _, _])) => {
            (big_endian(seconds).cast_signed(), big_endian(nanoseconds))
        }
        Some((_, [_, _, _, _])) => {
            let both = big_endian(data);
            ((both & 0x3_ffff_ffff).cast_signed(), both >> 34)
        }
        _ => (big_endian(data).cast_signed(), 0),
    };
    // As notepack computes it. What is not exact is beyond the dates of JavaScript.
    seconds as f64 * 1e3 + nanoseconds as f64 / 1e6
}

/// The date of notepack 2: signed milliseconds.
fn legacy_date(data: &[u8]) -> f64 {
    big_endian(data).cast_signed() as f64
}

/// An integer of at most 8 bytes.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}
