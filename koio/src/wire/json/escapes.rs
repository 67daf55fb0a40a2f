//! Escapes in strings: decoding them, and replacing those that serde_json refuses.

use std::borrow::Cow;

/// The text of a string of valid JSON, given without its quotes.
///
/// An unpaired surrogate becomes U+FFFD, as it does when JavaScript encodes such a string.
pub(in crate::wire) fn unescape(raw: &[u8]) -> Cow<'_, str> {
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        let character = match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, used) = match Escape::read(rest) {
                    Escape::Character(character) => (character, 4),
                    Escape::Pair(character) => (character, 10),
                    Escape::Unpaired => (char::REPLACEMENT_CHARACTER, 4),
                };
                rest = rest.get(used..).unwrap_or_default();
                character
            }
            other => char::from(other),
        };
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

/// Valid JSON with each unpaired surrogate replaced by U+FFFD, or `None` if there is none.
///
/// serde_json refuses unpaired surrogates, but browsers send them: `JSON.stringify` writes a cut emoji so. The
/// replacement is as long as the original, so offsets stay valid.
pub(crate) fn mend_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(skip) = json
        .get(at..)
        .and_then(|rest| rest.iter().position(|&byte| byte == b'\\'))
    {
        at += skip;
        if json.get(at + 1) != Some(&b'u') {
            at += 2;
            continue;
        }
        match Escape::read(json.get(at + 2..).unwrap_or_default()) {
            Escape::Character(_) => at += 6,
            Escape::Pair(_) => at += 12,
            Escape::Unpaired => {
                let copy = mended.get_or_insert_with(|| json.to_vec());
                if let Some(hex) = copy.get_mut(at + 2..at + 6) {
                    hex.copy_from_slice(b"fffd");
                }
                at += 6;
            }
        }
    }
    mended
}

/// What follows `\u`.
enum Escape {
    Character(char),
    /// Two escapes that are one character.
    Pair(char),
    /// An unpaired surrogate.
    Unpaired,
}

impl Escape {
    fn read(text: &[u8]) -> Self {
        let Some(unit) = hex(text) else {
            return Self::Unpaired;
        };
        if let Some(character) = char::from_u32(unit) {
            return Self::Character(character);
        }
        let low = match text.get(4..6) {
            Some(b"\\u") => hex(text.get(6..).unwrap_or_default()),
            _ => None,
        };
        match (unit, low) {
            (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(code).map_or(Self::Unpaired, Self::Pair)
            }
            _ => Self::Unpaired,
        }
    }
}

fn hex(text: &[u8]) -> Option<u32> {
    text.get(..4)?.iter().try_fold(0, |code, &digit| {
        Some(code << 4 | char::from(digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        for (raw, text) in [
            ("plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20AC", "Aé€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\u0000", "\0"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ude00x", "\u{fffd}x"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\ud83dA", "\u{fffd}A"),
        ] {
            assert_eq!(unescape(raw.as_bytes()), text, "{raw}");
        }
    }

    #[test]
    fn only_unpaired_surrogates_are_replaced() {
        for (json, mended) in [
            (r#"["a\\ud800"]"#, None),
            (r#"["\ud83d\ude00"]"#, None),
            (r#"["\ud83d"]"#, Some(r#"["\ufffd"]"#)),
            (
                r#"["\ude00\ud83d\u0041"]"#,
                Some(r#"["\ufffd\ufffd\u0041"]"#),
            ),
            (
                r#"["\ud83d\ud83d\ude00"]"#,
                Some(r#"["\ufffd\ud83d\ude00"]"#),
            ),
        ] {
            assert_eq!(
                mend_surrogates(json.as_bytes()).as_deref(),
                mended.map(str::as_bytes),
                "{json}"
            );
        }
    }
}
