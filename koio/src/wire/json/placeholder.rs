//! The objects that stand for attachments in the JSON of a binary packet.

use super::MAX_DEPTH;
use super::scan::{Unwatched, Watch, document, string, value, whitespace};
use super::text::unescape;
use crate::wire::{DecodeError, DecodeErrorKind};

/// The key that marks a placeholder.
pub(in crate::wire) const KEY: &str = "_placeholder";

/// The key of the attachment's number.
pub(in crate::wire) const NUM: &str = "num";

/// The attachment that a placeholder's `num` means: an integer in plain digits, within the count.
pub(in crate::wire) fn index(num: &[u8], count: usize) -> Option<usize> {
    if let [digit @ b'0'..=b'9'] = num {
        let index = usize::from(digit - b'0');
        return (index < count).then_some(index);
    }
    // "00" and the like are no JSON, so the scanner has refused them; "-0", "0.0" and "1e0" end here.
    if num.is_empty() || !num.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let index = std::str::from_utf8(num).ok()?.parse().ok()?;
    (index < count).then_some(index)
}

/// Checks every placeholder of a binary packet.
///
/// A placeholder is an object of the two keys alone, in any order, with `_placeholder` exactly
/// `true`. With other keys beside them it is the user's own data.
pub(in crate::wire) struct Placeholders {
    count: usize,
    open: Vec<Object>,
}

/// What has been seen of an open object (or list, of which nothing is).
#[derive(Default)]
struct Object {
    marked: bool,
    num: Num,
    /// The key whose value comes next.
    next: Key,
    /// A key that is neither, or either of them twice.
    other: bool,
    seen_key: bool,
}

#[derive(Default, PartialEq)]
enum Num {
    #[default]
    Missing,
    Good,
    Bad,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Key {
    #[default]
    Other,
    Placeholder,
    Num,
}

impl Placeholders {
    /// For a packet of so many attachments.
    pub(in crate::wire) fn new(count: usize) -> Self {
        Self {
            count,
            open: Vec::new(),
        }
    }

    /// A list or an object begins: no number, whatever it is.
    fn begin(&mut self) {
        if let Some(outer) = self.open.last_mut()
            && outer.next == Key::Num
        {
            outer.num = Num::Bad;
        }
    }
}

impl Watch for Placeholders {
    fn skip(&mut self, text: &[u8]) -> Option<usize> {
        let (_, len) = usual_placeholder(text, self.count)?;
        self.begin();
        Some(len)
    }

    fn open(&mut self, object: bool) {
        self.begin();
        // The lists around everything have no keys, and for them alone nothing need be allocated.
        if object || !self.open.is_empty() {
            self.open.push(Object::default());
        }
    }

    fn key(&mut self, raw: &[u8]) {
        let Some(object) = self.open.last_mut() else {
            return;
        };
        object.next = if !object.seen_key && is(raw, KEY) {
            object.seen_key = true;
            Key::Placeholder
        } else if object.num == Num::Missing && is(raw, NUM) {
            Key::Num
        } else {
            object.other = true;
            Key::Other
        };
    }

    fn scalar(&mut self, text: &[u8]) {
        let Some(object) = self.open.last_mut() else {
            return;
        };
        match object.next {
            Key::Placeholder => object.marked = text == b"true",
            Key::Num if index(text, self.count).is_some() => object.num = Num::Good,
            Key::Num => object.num = Num::Bad,
            Key::Other => {}
        }
    }

    fn close(&mut self, _object: bool) -> Result<(), DecodeErrorKind> {
        match self.open.pop() {
            Some(object) if object.marked && !object.other && object.num != Num::Good => {
                Err(DecodeErrorKind::Placeholder)
            }
            _ => Ok(()),
        }
    }
}

/// How many keys of this JSON are `_placeholder`, however they are spelled. `ours` of them are known to be.
pub(in crate::wire) fn count_keys(json: &[u8], ours: usize) -> Result<usize, DecodeError> {
    struct Count(usize);
    impl Watch for Count {
        fn key(&mut self, raw: &[u8]) {
            self.0 += usize::from(is(raw, KEY));
        }
    }
    // Where nothing else begins like this and nothing is escaped, there is no other. Most packets have one binary,
    // and nothing behind it.
    let only = json.strip_suffix(br#"{"_placeholder":true,"num":0}]"#);
    let (rest, known) = only.map_or((json, 0), |before| (before, 1));
    if known + odd(rest) == ours {
        return Ok(ours);
    }
    let mut count = Count(0);
    document(json, MAX_DEPTH, &mut count)?;
    Ok(count.0)
}

/// How many strings of this JSON begin with `_`, and how many backslashes are in it.
fn odd(json: &[u8]) -> usize {
    let behind = json.get(1..).unwrap_or_default();
    let pairs = json.iter().zip(behind);
    let odd = pairs.map(|(byte, next)| *byte == b'\\' || (*byte == b'"' && *next == b'_'));
    odd.map(usize::from).sum()
}

/// Whether a string, given as it is written, says this.
fn is(raw: &[u8], text: &str) -> bool {
    raw == text.as_bytes() || raw.contains(&b'\\') && unescape(raw) == text
}

/// The placeholder of one digit that this text begins with: which of `count` attachments it stands for, and how long
/// it is. Only as all known clients write it; others take the long way.
#[inline]
pub(in crate::wire) fn usual_placeholder(text: &[u8], count: usize) -> Option<(usize, usize)> {
    let behind = text.strip_prefix(br#"{"_placeholder":true,"num":"#)?;
    let [digit @ b'0'..=b'9', b'}', rest @ ..] = behind else {
        return None;
    };
    let index = usize::from(digit - b'0');
    (index < count).then_some((index, text.len() - rest.len()))
}

/// Which of `count` attachments the object at `at` stands for, and where it ends. Nothing if it is
/// an object of the user's.
pub(in crate::wire) fn placeholder(json: &[u8], at: usize, count: usize) -> Option<(usize, usize)> {
    if let Some((index, len)) = usual_placeholder(json.get(at..)?, count) {
        return Some((index, at + len));
    }
    let (mut at, mut marked, mut num) = (whitespace(json, at) + 1, false, None);
    for last in [false, true] {
        let key = whitespace(json, at);
        let start = string(json, key + 1).ok()?;
        let key = json.get(key + 1..start - 1)?;
        let start = whitespace(json, whitespace(json, start) + 1);
        if matches!(json.get(start), Some(b'{' | b'[')) {
            return None;
        }
        let end = value(json, start, 0, &mut Unwatched).ok()?;
        match json.get(start..end)? {
            b"true" if is(key, KEY) => marked = true,
            digits if is(key, NUM) => num = index(digits, count),
            _ => return None,
        }
        at = whitespace(json, end);
        if json.get(at) != Some(if last { &b'}' } else { &b',' }) {
            return None;
        }
        at += 1;
    }
    marked.then_some((num?, at))
}
