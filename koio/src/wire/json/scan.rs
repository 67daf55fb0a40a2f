//! A strict JSON scanner that neither recurses nor allocates.

use crate::wire::{DecodeError, DecodeErrorKind};

/// Deepest nesting ever allowed: serde_json's own limit, and the width of the scanner's stack.
pub(in crate::wire) const MAX_DEPTH: usize = 128;

/// Sees what a scan passes.
pub(in crate::wire) trait Watch {
    /// An object begins, and this is the text from there on. Says how long the object is, if nothing in it need be
    /// looked at.
    fn skip(&mut self, _text: &[u8]) -> Option<usize> {
        None
    }
    /// A list or an object begins.
    fn open(&mut self, _object: bool) {}
    /// A key, without its quotes, escapes as they are.
    fn key(&mut self, _raw: &[u8]) {}
    /// A value that is neither list nor object.
    fn scalar(&mut self, _text: &[u8]) {}
    /// The innermost list or object ends.
    fn close(&mut self, _object: bool) -> Result<(), DecodeErrorKind> {
        Ok(())
    }
}

/// Only the syntax matters.
pub(in crate::wire) struct Unwatched;

impl Watch for Unwatched {}

/// The start of the first byte that is not white space, from `at` on.
#[inline]
pub(in crate::wire) fn whitespace(json: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = json.get(at)
        && byte <= b' '
        && matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
    {
        at += 1;
    }
    at
}

/// Whether so few brackets open in a list, in strings or not, that it can't be deeper. Found at memory speed.
pub(in crate::wire) fn is_shallow(json: &[u8], depth: usize) -> bool {
    // '[' and '{' differ in this one bit, and no other bytes fall together with them.
    let opens = |byte: &u8| byte | 0x20 == b'{';
    let any = |run: &[u8; 256]| run.iter().fold(false, |any, byte| any | opens(byte));
    // Often there is none but the one around everything: to see that costs less than to count.
    let Some((_, mut rest)) = json.split_first() else {
        return true;
    };
    while let Some((run, behind)) = rest.split_first_chunk()
        && !any(run)
    {
        rest = behind;
    }
    // Short runs are counted in bytes, which is what lets the compiler use its widest registers.
    let count = |run: &[u8]| usize::from(run.iter().map(|byte| u8::from(opens(byte))).sum::<u8>());
    let (runs, rest) = rest.as_chunks::<128>();
    1 + runs.iter().map(|run| count(run)).sum::<usize>() + count(rest) <= depth
}

/// The end of the value that starts at `at`, inside of `outer` lists and objects.
pub(in crate::wire) fn value(
    json: &[u8],
    at: usize,
    outer: usize,
    watch: &mut impl Watch,
) -> Result<usize, DecodeError> {
    Scan::new(json, at, outer, MAX_DEPTH).run(State::Value, watch)
}

/// Checks that the text is one value and nothing else.
pub(in crate::wire) fn document(
    json: &[u8],
    depth: usize,
    watch: &mut impl Watch,
) -> Result<(), DecodeError> {
    let end = Scan::new(json, 0, 0, depth.min(MAX_DEPTH)).run(State::Value, watch)?;
    let end = whitespace(json, end);
    if end == json.len() {
        Ok(())
    } else {
        Err(DecodeError::new(DecodeErrorKind::Json, end))
    }
}

/// The end of the string whose first quote is before `at`, behind its last quote.
#[inline]
pub(in crate::wire) fn string(json: &[u8], at: usize) -> Result<usize, DecodeError> {
    // Most strings are keys, and most keys are short.
    let text = json.get(at..).unwrap_or_default();
    if let Some(word) = text.first_chunk()
        && let Some(end) = first_special(*word)
        && text.get(end) == Some(&b'"')
    {
        return Ok(at + end + 1);
    }
    long_string(json, at)
}

#[inline(never)]
fn long_string(json: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    loop {
        at += plain(json.get(at..).unwrap_or_default());
        match json.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(json, at)?,
            _ => return Err(DecodeError::new(DecodeErrorKind::Json, at)),
        }
    }
}

/// How many bytes come before the first quote, backslash or control.
pub(in crate::wire) fn plain(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((chunk, behind)) = rest.split_first_chunk()
        && !has_special(chunk)
    {
        rest = behind;
        if rest.len() >= LONG {
            rest = behind_long_runs(rest);
        }
    }
    while let Some((word, behind)) = rest.split_first_chunk() {
        if let Some(end) = first_special(*word) {
            return text.len() - rest.len() + end;
        }
        rest = behind;
    }
    match text.last_chunk() {
        _ if rest.is_empty() => text.len(),
        // What it has of the bytes before the rest is plain.
        Some(word) => text.len() - 8 + first_special(*word).unwrap_or(8),
        None => rest.iter().take_while(|byte| is_plain_byte(**byte)).count(),
    }
}

fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..)
}

/// Whether there is a quote, a backslash or a control. All of it is looked at, which lets the compiler do so at once.
fn has_special(chunk: &[u8; 16]) -> bool {
    chunk.iter().fold(false, |special, byte| {
        // With this bit turned, the quote falls in line behind the controls, and nothing else does.
        special | (byte ^ 2 <= 0x20) | (*byte == b'\\')
    })
}

/// What is longer is worth a look at longer runs.
const LONG: usize = 64;

/// What is left of the text behind whole runs of plain bytes.
#[inline(never)]
fn behind_long_runs(text: &[u8]) -> &[u8] {
    behind_runs::<LONG>(behind_runs::<{ 4 * LONG }>(text))
}

fn behind_runs<const LEN: usize>(mut text: &[u8]) -> &[u8] {
    while let Some((run, behind)) = text.split_first_chunk::<LEN>() {
        // As above, with an instruction less for each sixteen.
        let start = (u8::MAX, false);
        let (low, backslash) = run.iter().fold(start, |(low, backslash), byte| {
            (low.min(byte ^ 2), backslash | (*byte == b'\\'))
        });
        if low <= 0x20 || backslash {
            break;
        }
        text = behind;
    }
    text
}

/// Which of these bytes is the first quote, backslash or control.
#[inline]
fn first_special(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The classic test for a byte that is less than another. It may be wrong behind the first that is, for that one
    // borrows from it.
    let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
    let word = u64::from_le_bytes(word);
    let low = less(word ^ (ONES * 2), 0x21);
    let backslash = less(word ^ (ONES * b'\\' as u64), 1);
    let special = (low | backslash) & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

/// Whether a string is its own JSON but for the quotes.
pub(in crate::wire) fn is_plain(text: &[u8]) -> bool {
    plain(text) == text.len()
}

fn escape(json: &[u8], at: usize) -> Result<usize, DecodeError> {
    match json.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match json.get(at + 2..at + 6) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            _ => Err(DecodeError::new(DecodeErrorKind::Json, at)),
        },
        _ => Err(DecodeError::new(DecodeErrorKind::Json, at)),
    }
}

enum State {
    /// A value must come.
    Value,
    /// A list has begun: a value or its end.
    First,
    /// A value has ended.
    Behind,
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
    /// One bit for each open list (0) or object (1), the innermost lowest.
    stack: u128,
    depth: usize,
    /// The depth at which the scan is done.
    floor: usize,
    limit: usize,
}

impl<'a> Scan<'a> {
    fn new(json: &'a [u8], at: usize, floor: usize, limit: usize) -> Self {
        Self {
            json,
            at,
            stack: 0,
            depth: floor,
            floor,
            limit,
        }
    }

    fn error<T>(&self) -> Result<T, DecodeError> {
        Err(DecodeError::new(DecodeErrorKind::Json, self.at))
    }

    fn peek(&mut self) -> Option<u8> {
        self.at = whitespace(self.json, self.at);
        self.json.get(self.at).copied()
    }

    fn run(mut self, mut state: State, watch: &mut impl Watch) -> Result<usize, DecodeError> {
        loop {
            state = match state {
                State::Value => self.value(watch)?,
                State::First => {
                    if self.peek() == Some(b']') {
                        self.close(watch)?
                    } else {
                        State::Value
                    }
                }
                State::Behind if self.depth == self.floor => return Ok(self.at),
                State::Behind => match (self.peek(), self.stack & 1 == 1) {
                    (Some(b','), false) => {
                        self.at += 1;
                        State::Value
                    }
                    (Some(b','), true) => {
                        self.at += 1;
                        self.key(watch)?
                    }
                    (Some(b']'), false) | (Some(b'}'), true) => self.close(watch)?,
                    _ => return self.error(),
                },
            };
        }
    }

    fn value(&mut self, watch: &mut impl Watch) -> Result<State, DecodeError> {
        let peek = self.peek();
        let start = self.at;
        match peek {
            Some(b'[') => {
                self.open(false, watch)?;
                return Ok(State::First);
            }
            Some(b'{') => {
                if self.depth < self.limit
                    && let Some(len) = watch.skip(self.json.get(start..).unwrap_or_default())
                {
                    self.at += len;
                    return Ok(State::Behind);
                }
                self.open(true, watch)?;
                return if self.peek() == Some(b'}') {
                    self.close(watch)
                } else {
                    self.key(watch)
                };
            }
            Some(b'"') => self.at = string(self.json, start + 1)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return self.error(),
        }
        watch.scalar(self.json.get(start..self.at).unwrap_or_default());
        Ok(State::Behind)
    }

    fn open(&mut self, object: bool, watch: &mut impl Watch) -> Result<(), DecodeError> {
        if self.depth >= self.limit {
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, self.at));
        }
        self.at += 1;
        self.depth += 1;
        self.stack = self.stack << 1 | u128::from(object);
        watch.open(object);
        Ok(())
    }

    fn close(&mut self, watch: &mut impl Watch) -> Result<State, DecodeError> {
        watch
            .close(self.stack & 1 == 1)
            .map_err(|kind| DecodeError::new(kind, self.at))?;
        self.at += 1;
        self.depth -= 1;
        self.stack >>= 1;
        Ok(State::Behind)
    }

    fn key(&mut self, watch: &mut impl Watch) -> Result<State, DecodeError> {
        if self.peek() != Some(b'"') {
            return self.error();
        }
        let start = self.at + 1;
        self.at = string(self.json, start)?;
        watch.key(self.json.get(start..self.at - 1).unwrap_or_default());
        if self.peek() != Some(b':') {
            return self.error();
        }
        self.at += 1;
        Ok(State::Value)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), DecodeError> {
        if !self
            .json
            .get(self.at..)
            .unwrap_or_default()
            .starts_with(word)
        {
            return self.error();
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), DecodeError> {
        if self.json.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.json.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.json.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.json.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.json.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), DecodeError> {
        let rest = self.json.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { self.error() } else { Ok(()) }
    }
}
