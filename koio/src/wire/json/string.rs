//! Scanning strings and white space.

use crate::wire::{DecodeError, DecodeErrorKind};

/// The index of the first byte that is not white space, from `at` on.
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

/// The end of the string whose text starts at `at`, behind its closing quote.
#[inline]
pub(in crate::wire) fn string(json: &[u8], at: usize) -> Result<usize, DecodeError> {
    // Most strings are keys, and most keys fit in a word.
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

/// How many bytes come before the first quote, backslash or control character.
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
        // The last eight bytes: those of them before `rest` are known to be plain.
        Some(word) => text.len() - 8 + first_special(*word).unwrap_or(8),
        None => rest.iter().take_while(|byte| is_plain_byte(**byte)).count(),
    }
}

fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..)
}

/// Whether there is a quote, a backslash or a control character. Has no early exit, so that the compiler vectorises it.
fn has_special(chunk: &[u8; 16]) -> bool {
    chunk.iter().fold(false, |special, byte| {
        // With this bit flipped, the quote (0x22) is 0x20, right behind the control characters; no other byte moves
        // below 0x21.
        special | (byte ^ 2 <= 0x20) | (*byte == b'\\')
    })
}

/// Text of this length and more is searched in longer runs.
const LONG: usize = 64;

/// The text behind its leading runs of plain bytes.
#[inline(never)]
fn behind_long_runs(text: &[u8]) -> &[u8] {
    behind_runs::<LONG>(behind_runs::<{ 4 * LONG }>(text))
}

fn behind_runs<const LEN: usize>(mut text: &[u8]) -> &[u8] {
    while let Some((run, behind)) = text.split_first_chunk::<LEN>() {
        // As `has_special`; the minimum takes one instruction less for each sixteen bytes.
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

/// The index of the first quote, backslash or control character.
#[inline]
fn first_special(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The classic test for bytes less than a bound. A byte that is less borrows from the next, so only the first hit
    // is exact.
    let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
    let word = u64::from_le_bytes(word);
    let low = less(word ^ (ONES * 2), 0x21);
    let backslash = less(word ^ (ONES * b'\\' as u64), 1);
    let special = (low | backslash) & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
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
