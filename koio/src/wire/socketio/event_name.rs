//! Event names: the reserved ones, and the name of a received event.

use crate::wire::{DecodeError, DecodeErrorKind, json};

/// The names that Socket.IO and its clients keep for themselves, in alphabetical order.
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Whether an event of this name can be neither sent nor received.
///
/// Official implementations emit events of these names themselves, for what happens to a socket; an event from the
/// peer must not look like one of those.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    is_reserved_bytes(name.as_bytes())
}

#[inline]
fn is_reserved_bytes(name: &[u8]) -> bool {
    RESERVED_EVENTS
        .iter()
        .any(|reserved| reserved.as_bytes() == name)
}

/// The name of a received event. A number keeps the text that the client wrote.
#[derive(Clone)]
pub(crate) enum EventName {
    /// A part of the event's list.
    InList { start: u32, len: u32 },
    /// A name that was written with escapes, without them.
    Unescaped(Box<[u8]>),
}

/// An empty name.
impl Default for EventName {
    fn default() -> Self {
        Self::InList { start: 0, len: 0 }
    }
}

impl EventName {
    /// The name as UTF-8, given the list that it was read from.
    pub(super) fn bytes<'a>(&'a self, list: &'a [u8]) -> &'a [u8] {
        match self {
            Self::InList { start, len } => {
                let (start, len) = (*start as usize, *len as usize);
                debug_assert!(start + len <= list.len(), "the name is of this list");
                list.get(start..start + len).unwrap_or_default()
            }
            Self::Unescaped(name) => name,
        }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::InList { len, .. } => *len as usize,
            Self::Unescaped(name) => name.len(),
        }
    }

    /// The bytes that it holds beside the list.
    pub(super) fn own_bytes(&self) -> usize {
        match self {
            Self::InList { .. } => 0,
            Self::Unescaped(name) => name.len(),
        }
    }

    /// Reads the first item of an event's list, whose `[` is at 0. Also returns where the item ends.
    // Always inlined: returned through memory, the result would be loaded right after it is stored in smaller pieces, which
    // defeats store forwarding (16 in flight: 3,080 → 2,820 instructions with all such places).
    #[inline(always)]
    pub(super) fn decode(list: &[u8]) -> Result<(Self, usize), DecodeError> {
        let start = json::whitespace(list, 1);
        match list.get(start) {
            Some(b'"') => {
                let text = list.get(start + 1..).unwrap_or_default();
                let len = json::plain(text);
                if text.get(len) == Some(&b'"') {
                    Self::in_list(list, (start + 1, len), start + len + 2)
                } else {
                    Self::escaped(list, start)
                }
            }
            Some(b'-' | b'0'..=b'9') => Self::number(list, start),
            _ => Err(DecodeError::new(DecodeErrorKind::EventName, start)),
        }
    }

    /// The name of `len` bytes at `start`, whose item ends at `end`.
    #[inline(always)]
    fn in_list(
        list: &[u8],
        (start, len): (usize, usize),
        end: usize,
    ) -> Result<(Self, usize), DecodeError> {
        let name = list.get(start..start + len).unwrap_or_default();
        check(name, list, end)?;
        let name = match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) => Self::InList { start, len },
            _ => Self::Unescaped(name.into()),
        };
        Ok((name, end))
    }

    #[cold]
    fn number(list: &[u8], start: usize) -> Result<(Self, usize), DecodeError> {
        let end = json::value(list, start, 1, &mut json::Unwatched)?;
        let number = std::str::from_utf8(list.get(start..end).unwrap_or_default());
        let number = number.ok().and_then(|text| text.parse().ok());
        if !number.is_some_and(f64::is_finite) {
            return Err(DecodeError::new(DecodeErrorKind::EventName, start));
        }
        Self::in_list(list, (start, end - start), end)
    }

    #[cold]
    fn escaped(list: &[u8], start: usize) -> Result<(Self, usize), DecodeError> {
        let end = json::string(list, start + 1)?;
        let raw = list.get(start + 1..end - 1).unwrap_or_default();
        let name = json::unescape(raw).into_owned().into_bytes();
        check(&name, list, end)?;
        Ok((Self::Unescaped(name.into()), end))
    }
}

/// Checks the name, and that `,` or `]` follows its item, which ends at `end`.
#[inline]
fn check(name: &[u8], list: &[u8], end: usize) -> Result<(), DecodeError> {
    let behind = json::whitespace(list, end);
    if !matches!(list.get(behind), Some(b',' | b']')) {
        return Err(DecodeError::new(DecodeErrorKind::Json, behind));
    }
    if is_reserved_bytes(name) {
        // At the start of the item, behind white space.
        let start = json::whitespace(list, 1);
        return Err(DecodeError::new(DecodeErrorKind::ReservedName, start));
    }
    Ok(())
}
