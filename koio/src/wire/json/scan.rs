//! A strict JSON scanner that neither recurses nor allocates.

use super::string::{string, whitespace};
use crate::wire::{DecodeError, DecodeErrorKind};

/// Deepest nesting ever allowed: serde_json's own limit, and the width of the scanner's stack.
pub(in crate::wire) const MAX_DEPTH: usize = 128;

/// Is called for each part of the text that a scan passes.
pub(in crate::wire) trait Watch {
    /// An object begins; `text` starts there. Returns its length if the scan may skip it.
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

/// A [`Watch`] that ignores all calls: the scan checks only the syntax.
pub(in crate::wire) struct Unwatched;

impl Watch for Unwatched {}

/// Whether the list has so few opening brackets, in strings or not, that it can't be nested deeper than `depth`.
///
/// Strings are not recognised, so that the compiler can vectorise the count.
pub(in crate::wire) fn is_shallow(json: &[u8], depth: usize) -> bool {
    // '[' and '{' differ in this one bit, and no other byte becomes '{' by setting it.
    let opens = |byte: &u8| byte | 0x20 == b'{';
    let any = |run: &[u8; 256]| run.iter().fold(false, |any, byte| any | opens(byte));
    // Most lists have no bracket but the outermost, so runs of 256 bytes without any are skipped first.
    let Some((_, mut rest)) = json.split_first() else {
        return true;
    };
    while let Some((run, behind)) = rest.split_first_chunk()
        && !any(run)
    {
        rest = behind;
    }
    // A run of 128 can be counted in a `u8`, which gives the compiler the most lanes for each vector.
    let count = |run: &[u8]| usize::from(run.iter().map(|byte| u8::from(opens(byte))).sum::<u8>());
    let (runs, rest) = rest.as_chunks::<128>();
    1 + runs.iter().map(|run| count(run)).sum::<usize>() + count(rest) <= depth
}

/// The end of the value that starts at `at`, which is nested in `outer` lists and objects.
pub(in crate::wire) fn value(
    json: &[u8],
    at: usize,
    outer: usize,
    watch: &mut impl Watch,
) -> Result<usize, DecodeError> {
    Scan::new(json, at, outer, MAX_DEPTH).run(Expect::Value, watch)
}

/// Checks that the text is one value and nothing else.
pub(in crate::wire) fn document(
    json: &[u8],
    depth: usize,
    watch: &mut impl Watch,
) -> Result<(), DecodeError> {
    let end = Scan::new(json, 0, 0, depth.min(MAX_DEPTH)).run(Expect::Value, watch)?;
    let end = whitespace(json, end);
    if end == json.len() {
        Ok(())
    } else {
        Err(DecodeError::new(DecodeErrorKind::Json, end))
    }
}

/// What must come next.
enum Expect {
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

    fn run(mut self, mut expect: Expect, watch: &mut impl Watch) -> Result<usize, DecodeError> {
        loop {
            expect = match expect {
                Expect::Value => self.value(watch)?,
                Expect::First => {
                    if self.peek() == Some(b']') {
                        self.close(watch)?
                    } else {
                        Expect::Value
                    }
                }
                Expect::Behind if self.depth == self.floor => return Ok(self.at),
                Expect::Behind => match (self.peek(), self.stack & 1 == 1) {
                    (Some(b','), false) => {
                        self.at += 1;
                        Expect::Value
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

    fn value(&mut self, watch: &mut impl Watch) -> Result<Expect, DecodeError> {
        let peek = self.peek();
        let start = self.at;
        match peek {
            Some(b'[') => {
                self.open(false, watch)?;
                return Ok(Expect::First);
            }
            Some(b'{') => {
                if self.depth < self.limit
                    && let Some(len) = watch.skip(self.json.get(start..).unwrap_or_default())
                {
                    self.at += len;
                    return Ok(Expect::Behind);
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
        Ok(Expect::Behind)
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

    fn close(&mut self, watch: &mut impl Watch) -> Result<Expect, DecodeError> {
        watch
            .close(self.stack & 1 == 1)
            .map_err(|kind| DecodeError::new(kind, self.at))?;
        self.at += 1;
        self.depth -= 1;
        self.stack >>= 1;
        Ok(Expect::Behind)
    }

    fn key(&mut self, watch: &mut impl Watch) -> Result<Expect, DecodeError> {
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
        Ok(Expect::Value)
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
