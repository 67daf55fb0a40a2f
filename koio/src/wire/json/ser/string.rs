//! Writing strings.

use std::fmt;

use crate::fast_path::FastPath;
use crate::wire::json::string::plain;

/// Appends a string in quotes.
///
/// Runs without escapes are found a word or more at a time and copied. serde_json, the slow twin, looks at each byte: a struct
/// of 200 bytes took 10,827 instructions instead of 9,770. (`koio/benches/codec.md`, `write a string of 16 KiB`: 41,116
/// instructions, most of them valgrind's count of the copies.)
pub(crate) fn push_string(text: &mut Vec<u8>, string: &str) {
    if !FastPath::PlainString.is_on() {
        // Writing a string to memory can't fail.
        let _ = serde_json::to_writer(text, string);
        return;
    }
    let run = plain(string.as_bytes());
    text.reserve(string.len() + 2);
    text.push(b'"');
    if run == string.len() {
        text.extend_from_slice(string.as_bytes());
    } else {
        push_escaped(text, string.as_bytes(), run);
    }
    text.push(b'"');
}

/// Appends what a value displays, in quotes.
pub(super) fn push_display(
    text: &mut Vec<u8>,
    value: &(impl fmt::Display + ?Sized),
) -> fmt::Result {
    struct Escaped<'a>(&'a mut Vec<u8>);
    impl fmt::Write for Escaped<'_> {
        fn write_str(&mut self, string: &str) -> fmt::Result {
            push_escaped(self.0, string.as_bytes(), plain(string.as_bytes()));
            Ok(())
        }
    }
    text.push(b'"');
    fmt::write(&mut Escaped(text), format_args!("{value}"))?;
    text.push(b'"');
    Ok(())
}

/// Appends the text of a string, escaped as serde_json does it. `run`: how many bytes come before the first character to
/// escape.
#[inline(never)]
fn push_escaped(text: &mut Vec<u8>, mut rest: &[u8], mut run: usize) {
    loop {
        let (plain_run, from_escape) = rest.split_at(run);
        text.extend_from_slice(plain_run);
        let Some((&byte, behind)) = from_escape.split_first() else {
            return;
        };
        let letter = match byte {
            b'"' | b'\\' => byte,
            b'\x08' => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            b'\x0c' => b'f',
            b'\r' => b'r',
            _ => b'u',
        };
        text.extend_from_slice(&[b'\\', letter]);
        if letter == b'u' {
            let digit = |value: u8| match value {
                0..10 => b'0' + value,
                _ => b'a' - 10 + value,
            };
            text.extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte & 0xf)]);
        }
        (rest, run) = (behind, plain(behind));
    }
}
