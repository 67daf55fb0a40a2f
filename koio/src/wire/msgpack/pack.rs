//! JSON text to msgpack.

use std::vec;

use super::integer::Integer;
use crate::wire::{
    DecodeError, DecodeErrorKind,
    json::{self, MAX_DEPTH, Watch},
};

/// Writes msgpack, value by value. The caller of `list` or `map`, which write a header, writes as many values behind it.
#[derive(Debug)]
pub(crate) struct Packer {
    out: Vec<u8>,
}

impl Packer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    /// How many bytes have been written.
    #[cfg(any(test, feature = "msgpack"))]
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// The header of a list.
    pub(crate) fn list(&mut self, items: usize) {
        self.header(items, Some((0x90, 16)), [0xdc, 0xdc, 0xdd]);
    }

    /// The header of a map. Its keys are strings.
    pub(crate) fn map(&mut self, entries: usize) {
        self.header(entries, Some((0x80, 16)), [0xde, 0xde, 0xdf]);
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.header(text.len(), Some((0xa0, 32)), [0xd9, 0xda, 0xdb]);
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.out.push(if value { 0xc3 } else { 0xc2 });
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        let [_, _, _, _, e, f, g, h] = value.to_be_bytes();
        match value {
            0..0x80 => self.out.push(h),
            0x80..0x100 => self.out.extend([0xcc, h]),
            0x100..0x1_0000 => self.out.extend([0xcd, g, h]),
            0x1_0000..0x1_0000_0000 => self.out.extend([0xce, e, f, g, h]),
            0x1_0000_0000.. => {
                self.out.push(0xcf);
                self.out.extend(value.to_be_bytes());
            }
        }
    }

    /// A JSON text. The placeholders in it become the attachments that they stand for; without attachments an object that
    /// looks like a placeholder is an object.
    ///
    /// # Errors
    /// The text is not JSON, or nested deeper than 128. What was written of it stays.
    pub(crate) fn json<A: AsRef<[u8]>>(
        &mut self,
        text: &[u8],
        attachments: &[A],
    ) -> Result<(), DecodeError> {
        // A header tells the length, so all of them are counted first.
        let mut sizes = Sizes {
            sizes: Vec::new(),
            open: Vec::new(),
            attachments: attachments.len(),
        };
        json::document(text, MAX_DEPTH, &mut sizes)?;
        let mut values = Values {
            packer: self,
            sizes: sizes.sizes.into_iter(),
            attachments,
        };
        json::document(text, MAX_DEPTH, &mut values)
    }

    fn binary(&mut self, data: &[u8]) {
        self.header(data.len(), None, [0xc4, 0xc5, 0xc6]);
        self.out.extend_from_slice(data);
    }

    fn signed(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            return self.unsigned(value);
        }
        let [_, _, _, _, e, f, g, h] = value.to_be_bytes();
        match value {
            -0x20.. => self.out.push(h),
            -0x80..-0x20 => self.out.extend([0xd0, h]),
            -0x8000..-0x80 => self.out.extend([0xd1, g, h]),
            -0x8000_0000..-0x8000 => self.out.extend([0xd2, e, f, g, h]),
            ..-0x8000_0000 => {
                self.out.push(0xd3);
                self.out.extend(value.to_be_bytes());
            }
        }
    }

    /// A number of JSON. An integral one is written as an integer, however it is spelled, as JavaScript does.
    fn number(&mut self, text: &str) {
        // "-0" is JavaScript's negative zero, which notepack writes as 0.
        if let Ok(value) = text.parse() {
            return self.unsigned(value);
        }
        if let Ok(value) = text.parse() {
            return self.signed(value);
        }
        // The scanner has checked the grammar, and what is too large for it becomes infinite.
        let value: f64 = text.parse().unwrap_or_default();
        match Integer::of(value) {
            Some(Integer::Unsigned(value)) => self.unsigned(value),
            Some(Integer::Signed(value)) => self.signed(value),
            None => {
                self.out.push(0xcb);
                self.out.extend(value.to_be_bytes());
            }
        }
    }

    /// `fix`: the first of the markers that hold the length themselves, and how many there are. `markers`: those for one, two
    /// and four bytes of length. Lists and maps have none for one byte.
    fn header(&mut self, len: usize, fix: Option<(u8, u8)>, markers: [u8; 3]) {
        let [one, two, four] = markers;
        // No text and no attachment of koio's is 4 GiB long.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let [a, b, c, d] = len.to_be_bytes();
        match (len, fix) {
            (_, Some((marker, count))) if len < u32::from(count) => self.out.push(marker | d),
            (0..0x100, _) if one != two => self.out.extend([one, d]),
            (0..0x1_0000, _) => self.out.extend([two, c, d]),
            _ => self.out.extend([four, a, b, c, d]),
        }
    }
}

/// Counts the entries of all lists and objects of a text.
struct Sizes {
    /// In the order in which they begin.
    sizes: Vec<usize>,
    /// Those that have not ended: which size, and whether it is an object.
    open: Vec<(usize, bool)>,
    attachments: usize,
}

impl Sizes {
    fn count(&mut self, of_object: bool) {
        if let Some((index, object)) = self.open.last()
            && *object == of_object
            && let Some(size) = self.sizes.get_mut(*index)
        {
            *size += 1;
        }
    }
}

impl Watch for Sizes {
    fn skip(&mut self, text: &[u8]) -> Option<usize> {
        let (_, len) = placeholder(text, self.attachments)?;
        self.count(false);
        Some(len)
    }

    fn open(&mut self, object: bool) {
        self.count(false);
        self.open.push((self.sizes.len(), object));
        self.sizes.push(0);
    }

    fn key(&mut self, _raw: &[u8]) {
        self.count(true);
    }

    fn scalar(&mut self, _text: &[u8]) {
        self.count(false);
    }

    fn close(&mut self, _object: bool) -> Result<(), DecodeErrorKind> {
        self.open.pop();
        Ok(())
    }
}

/// Writes the values of a text.
struct Values<'a, A> {
    packer: &'a mut Packer,
    sizes: vec::IntoIter<usize>,
    attachments: &'a [A],
}

impl<A: AsRef<[u8]>> Watch for Values<'_, A> {
    fn skip(&mut self, text: &[u8]) -> Option<usize> {
        let (index, len) = placeholder(text, self.attachments.len())?;
        self.packer.binary(self.attachments.get(index)?.as_ref());
        Some(len)
    }

    fn open(&mut self, object: bool) {
        let size = self.sizes.next().unwrap_or_default();
        if object {
            self.packer.map(size);
        } else {
            self.packer.list(size);
        }
    }

    fn key(&mut self, raw: &[u8]) {
        self.packer.string(&json::unescape(raw));
    }

    fn scalar(&mut self, text: &[u8]) {
        match text {
            b"null" => self.packer.out.push(0xc0),
            b"true" => self.packer.bool(true),
            b"false" => self.packer.bool(false),
            [b'"', string @ .., b'"'] => self.packer.string(&json::unescape(string)),
            // A number is ASCII.
            number => self
                .packer
                .number(str::from_utf8(number).unwrap_or_default()),
        }
    }
}

/// The placeholder that `text` begins with, and its length.
fn placeholder(text: &[u8], attachments: usize) -> Option<(usize, usize)> {
    match attachments {
        0 => None,
        count => json::placeholder(text, 0, count),
    }
}
