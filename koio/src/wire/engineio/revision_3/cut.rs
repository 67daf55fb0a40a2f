//! Where the packets of a payload begin and end.

use memchr::memchr;

use crate::wire::DecodeErrorKind;

/// The most digits of a length, which may have leading zeros. Fewer than a `u64` can hold.
const MAX_DIGITS: usize = 19;

/// The first packet of a payload: the bytes `start..end`, and whether they are binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire::engineio) struct Cut {
    pub(in crate::wire::engineio) start: usize,
    pub(in crate::wire::engineio) end: usize,
    pub(in crate::wire::engineio) is_binary: bool,
}

/// Finds the first packet of a text payload, which must be UTF-8: `<length>:<packet>`.
pub(in crate::wire::engineio) fn cut_text(payload: &[u8]) -> Result<Cut, DecodeErrorKind> {
    let head = payload.get(..=MAX_DIGITS).unwrap_or(payload);
    let colon = memchr(b':', head).ok_or(DecodeErrorKind::PacketLength)?;
    let digits = payload.get(..colon).unwrap_or_default();
    let units = number(digits.iter().map(|digit| digit.wrapping_sub(b'0')))?;
    let start = colon + 1;
    let rest = payload.get(start..).unwrap_or_default();
    let bytes = bytes_of_units(rest, units).ok_or(DecodeErrorKind::PacketLength)?;
    Ok(Cut {
        start,
        end: start + bytes,
        is_binary: false,
    })
}

/// Finds the first packet of a binary payload: 0 for text or 1 for binary, the digits of its length as bytes from 0 to 9, a
/// byte 255, and the packet.
pub(in crate::wire::engineio) fn cut_binary(payload: &[u8]) -> Result<Cut, DecodeErrorKind> {
    let is_binary = match payload.first() {
        Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(DecodeErrorKind::UnknownType),
        None => return Err(DecodeErrorKind::Empty),
    };
    let head = payload.get(1..).unwrap_or_default();
    let head = head.get(..=MAX_DIGITS).unwrap_or(head);
    let end = memchr(255, head).ok_or(DecodeErrorKind::PacketLength)?;
    let length = number(head.iter().take(end).copied())?;
    let start = end + 2;
    let end = start
        .checked_add(length)
        .filter(|end| *end <= payload.len())
        .ok_or(DecodeErrorKind::PacketLength)?;
    Ok(Cut {
        start,
        end,
        is_binary,
    })
}

/// The number with these decimal digits, of which there are at most [`MAX_DIGITS`].
fn number(digits: impl ExactSizeIterator<Item = u8>) -> Result<usize, DecodeErrorKind> {
    if digits.len() == 0 {
        return Err(DecodeErrorKind::PacketLength);
    }
    let mut number = 0_u64;
    for digit in digits {
        if digit > 9 {
            return Err(DecodeErrorKind::PacketLength);
        }
        number = number * 10 + u64::from(digit);
    }
    usize::try_from(number).map_err(|_| DecodeErrorKind::PacketLength)
}

/// How many bytes of this UTF-8 are so many UTF-16 code units. `None` if there are fewer, or if a character of two units is
/// cut in half.
fn bytes_of_units(text: &[u8], units: usize) -> Option<usize> {
    // No character has more units than bytes.
    if text.get(..units)?.is_ascii() {
        return Some(units);
    }
    let (mut at, mut left) = (0, units);
    while left > 0 {
        let (bytes, width) = match text.get(at)? {
            0..0x80 => (1, 1),
            0x80..0xe0 => (2, 1),
            0xe0..0xf0 => (3, 1),
            0xf0.. => (4, 2),
        };
        at += bytes;
        left = left.checked_sub(width)?;
    }
    (at <= text.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_utf_16_code_units() {
        for (text, units, bytes) in [
            ("abc", 0, Some(0)),
            ("abc", 3, Some(3)),
            ("abc", 4, None),
            ("é€a", 1, Some(2)),
            ("é€a", 2, Some(5)),
            ("é€a", 3, Some(6)),
            ("é€a", 4, None),
            ("😀a", 1, None),
            ("😀a", 2, Some(4)),
            ("a😀", 2, None),
            ("a😀", 3, Some(5)),
            ("", 1, None),
        ] {
            assert_eq!(
                bytes_of_units(text.as_bytes(), units),
                bytes,
                "{text} {units}"
            );
        }
    }

    #[test]
    fn a_length_is_of_digits_alone_and_within_the_payload() {
        let cut = |start, end| {
            Ok(Cut {
                start,
                end,
                is_binary: false,
            })
        };
        assert_eq!(cut_text(b"2:4a3:4bc"), cut(2, 4));
        assert_eq!(cut_text(b"0:"), cut(2, 2));
        assert_eq!(cut_text(b"0000000000000000002:4a"), cut(20, 22));
        for text in [
            &b""[..],
            b":4a",
            b"4a",
            b"-1:4a",
            b"+2:4a",
            b" 2:4a",
            b"2.0:4a",
            b"3:4a",
            b"18446744073709551617:4a",
            b"9999999999999999999:4a",
            b"00000000000000000002:4a",
        ] {
            assert_eq!(
                cut_text(text),
                Err(DecodeErrorKind::PacketLength),
                "{text:?}"
            );
        }
    }
}
