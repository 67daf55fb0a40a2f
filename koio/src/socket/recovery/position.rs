//! Positions in the log of a namespace, as they stand in an event's last argument.

use crate::ids::{EPOCH_CHARS, Epoch};

/// Characters of the offset.
const OFFSET_CHARS: usize = 7;
/// Characters of a position.
pub(in crate::socket) const POSITION_CHARS: usize = EPOCH_CHARS + OFFSET_CHARS;

/// The digits of an offset, in ascending order.
const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// The text of a position: always as long, so that its place in an event can be left open before it is known.
pub(in crate::socket) fn to_text(epoch: Epoch, offset: u64) -> [u8; POSITION_CHARS] {
    let mut text = [b'-'; POSITION_CHARS];
    let (head, digits) = text.split_at_mut(EPOCH_CHARS);
    head.copy_from_slice(&epoch.0);
    let mut rest = offset;
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(rest % 64).unwrap_or_default();
        *digit = DIGITS.get(value).copied().unwrap_or(b'-');
        rest /= 64;
    }
    text
}

/// The offset of a position that a client sent, if it is one of this epoch.
pub(in crate::socket) fn of_epoch(text: &str, epoch: Epoch) -> Option<u64> {
    let (head, digits) = text.as_bytes().split_first_chunk::<EPOCH_CHARS>()?;
    if *head != epoch.0 || digits.len() != OFFSET_CHARS {
        return None;
    }
    digits.iter().try_fold(0_u64, |offset, digit| {
        let value = DIGITS.iter().position(|known| known == digit)?;
        Some(offset * 64 + u64::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_in_its_own_epoch_only() {
        let (epoch, other) = (Epoch(*b"abcdef"), Epoch(*b"abcdeg"));
        for offset in [0, 1, 63, 64, 65, 4_095, 1 << 30, (1 << 42) - 1] {
            let text = to_text(epoch, offset);
            let text = std::str::from_utf8(&text).unwrap();
            assert_eq!(of_epoch(text, epoch), Some(offset), "{text}");
            assert_eq!(of_epoch(text, other), None);
        }
    }

    #[test]
    fn what_is_no_position_is_ignored() {
        let epoch = Epoch(*b"abcdef");
        for text in [
            "",
            "abcdef",
            "abcdef------",
            "abcdef--------",
            "abcdef---é--",
            "abcdef---!---",
        ] {
            assert_eq!(of_epoch(text, epoch), None, "{text}");
        }
    }
}
