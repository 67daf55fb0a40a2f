//! Placeholders: the objects that stand for attachments, `{"_placeholder":true,"num":0}`.

use super::escapes::unescape;
use super::scan::{MAX_DEPTH, Unwatched, Watch, document, value};
use super::string::{string, whitespace};
use crate::wire::{DecodeError, DecodeErrorKind};

/// The key that marks a placeholder.
pub(super) const KEY: &str = "_placeholder";

/// The key of the attachment's number.
pub(super) const NUM: &str = "num";

/// The attachment that a placeholder's `num` means: an integer in plain digits, within the count.
pub(super) fn index(num: &[u8], count: usize) -> Option<usize> {
    if let [digit @ b'0'..=b'9'] = num {
        let index = usize::from(digit - b'0');
        return (index < count).then_some(index);
    }
    // "00" is not JSON, so the scanner has refused it; "-0", "0.0" and "1e0" are refused here.
    if num.is_empty() || !num.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let index = std::str::from_utf8(num).ok()?.parse().ok()?;
    (index < count).then_some(index)
}

/// Checks every placeholder of a text.
///
/// A placeholder is an object of the two keys alone, in any order, with `_placeholder` exactly `true`. An object with
/// other keys is the user's own data.
pub(in crate::wire) struct Placeholders {
    count: usize,
    open: Vec<Object>,
}

/// The keys and values of an open object so far. An open list has one too, which stays empty.
#[derive(Default)]
struct Object {
    marked: bool,
    num: Num,
    /// The key whose value comes next.
    next: PlaceholderKey,
    /// Whether there was any other key, or one of the two twice.
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
enum PlaceholderKey {
    #[default]
    Other,
    Placeholder,
    Num,
}

impl Placeholders {
    /// `count`: how many attachments there are.
    pub(in crate::wire) fn new(count: usize) -> Self {
        Self {
            count,
            open: Vec::new(),
        }
    }

    /// Notes that a list or an object begins. It is no valid `num`.
    fn begin(&mut self) {
        if let Some(outer) = self.open.last_mut()
            && outer.next == PlaceholderKey::Num
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
        // The outermost lists have no keys. Without an entry for them, most texts need no allocation here.
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
            PlaceholderKey::Placeholder
        } else if object.num == Num::Missing && is(raw, NUM) {
            PlaceholderKey::Num
        } else {
            object.other = true;
            PlaceholderKey::Other
        };
    }

    fn scalar(&mut self, text: &[u8]) {
        let Some(object) = self.open.last_mut() else {
            return;
        };
        match object.next {
            PlaceholderKey::Placeholder => object.marked = text == b"true",
            PlaceholderKey::Num if index(text, self.count).is_some() => object.num = Num::Good,
            PlaceholderKey::Num => object.num = Num::Bad,
            PlaceholderKey::Other => {}
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

/// How many keys of this JSON are `_placeholder`, escaped or not. At least `known` of them are.
pub(in crate::wire) fn count_keys(json: &[u8], known: usize) -> Result<usize, DecodeError> {
    struct Count(usize);
    impl Watch for Count {
        fn key(&mut self, raw: &[u8]) {
            self.0 += usize::from(is(raw, KEY));
        }
    }
    // If there are only as many candidates as known keys, there are no others. Mostly there is one, at the end.
    let last = json.strip_suffix(br#"{"_placeholder":true,"num":0}]"#);
    let (rest, at_end) = last.map_or((json, 0), |before| (before, 1));
    if at_end + candidates(rest) == known {
        return Ok(known);
    }
    let mut count = Count(0);
    document(json, MAX_DEPTH, &mut count)?;
    Ok(count.0)
}

/// An upper bound on the `_placeholder` keys: the strings that begin with `_`, and the backslashes.
fn candidates(json: &[u8]) -> usize {
    let behind = json.get(1..).unwrap_or_default();
    let pairs = json.iter().zip(behind);
    let found = pairs.map(|(byte, next)| *byte == b'\\' || (*byte == b'"' && *next == b'_'));
    found.map(usize::from).sum()
}

/// Whether a string, given with its escapes, is `text`.
fn is(raw: &[u8], text: &str) -> bool {
    raw == text.as_bytes() || raw.contains(&b'\\') && unescape(raw) == text
}

/// The placeholder that `text` begins with, if it is written as all known clients do and `num` has one digit: which of
/// `count` attachments it stands for, and how long it is. [`placeholder`] reads every spelling.
#[inline]
pub(super) fn usual_placeholder(text: &[u8], count: usize) -> Option<(usize, usize)> {
    let behind = text.strip_prefix(br#"{"_placeholder":true,"num":"#)?;
    let [digit @ b'0'..=b'9', b'}', rest @ ..] = behind else {
        return None;
    };
    let index = usize::from(digit - b'0');
    (index < count).then_some((index, text.len() - rest.len()))
}

/// Which of `count` attachments the object at `at` stands for, and where it ends. `None` if it is no placeholder.
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
