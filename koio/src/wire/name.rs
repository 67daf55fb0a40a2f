//! Event names.

use super::json;
use super::{DecodeError, DecodeErrorKind};

/// Whether an event of this name can be neither sent nor received.
///
/// Official implementations use these names for what happens to a socket, so an event could pass
/// for something that it is not.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    is_reserved_bytes(name.as_bytes())
}

fn is_reserved_bytes(name: &[u8]) -> bool {
    matches!(
        name,
        b"connect"
            | b"connect_error"
            | b"disconnect"
            | b"disconnecting"
            | b"newListener"
            | b"removeListener"
    )
}

/// Where the name of an event that came in is.
///
/// A number keeps the text that the client wrote.
#[derive(Clone)]
pub(crate) enum Name {
    /// In the list, which then need not be kept twice.
    Within { start: u32, len: u32 },
    /// It is written with escapes: this is what it says.
    Apart(Box<[u8]>),
}

/// No name.
impl Default for Name {
    fn default() -> Self {
        Self::Within { start: 0, len: 0 }
    }
}

impl Name {
    /// The name as bytes, given the list that it was read from. Always UTF-8: it is cut out of text at quotes.
    pub(super) fn bytes<'a>(&'a self, list: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Within { start, len } => {
                let rest = list.get(*start as usize..).unwrap_or_default();
                rest.get(..*len as usize).unwrap_or_default()
            }
            Self::Apart(name) => name,
        }
    }

    /// Reads the first item of an event's list, whose `[` is at 0, and says where it ends.
    #[inline]
    pub(super) fn decode(list: &[u8], limit: usize) -> Result<(Self, usize), DecodeError> {
        let start = json::whitespace(list, 1);
        match list.get(start) {
            Some(b'"') => {
                let text = list.get(start + 1..).unwrap_or_default();
                let len = json::plain(text);
                if text.get(len) == Some(&b'"') {
                    Self::within(list, (start + 1, len), start + len + 2, limit)
                } else {
                    Self::escaped(list, start, limit)
                }
            }
            Some(b'-' | b'0'..=b'9') => Self::number(list, start, limit),
            _ => Err(DecodeError::new(DecodeErrorKind::EventName, start)),
        }
    }

    /// A name as it stands there; its item ends at `end`.
    #[inline]
    fn within(
        list: &[u8],
        (start, len): (usize, usize),
        end: usize,
        limit: usize,
    ) -> Result<(Self, usize), DecodeError> {
        let name = list.get(start..start + len).unwrap_or_default();
        check(name, list, end, limit)?;
        let within = match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) => Self::Within { start, len },
            _ => Self::Apart(name.into()),
        };
        Ok((within, end))
    }

    #[cold]
    fn number(list: &[u8], start: usize, limit: usize) -> Result<(Self, usize), DecodeError> {
        let end = json::value(list, start, 1, &mut json::Unwatched)?;
        let number = std::str::from_utf8(list.get(start..end).unwrap_or_default());
        let number = number.ok().and_then(|text| text.parse().ok());
        if !number.is_some_and(f64::is_finite) {
            return Err(DecodeError::new(DecodeErrorKind::EventName, start));
        }
        Self::within(list, (start, end - start), end, limit)
    }

    #[cold]
    fn escaped(list: &[u8], start: usize, limit: usize) -> Result<(Self, usize), DecodeError> {
        let end = json::string(list, start + 1)?;
        let raw = list.get(start + 1..end - 1).unwrap_or_default();
        if raw.len() > limit.saturating_mul(6) {
            // Even if it were all `\u` escapes, which are six bytes for one.
            return Err(DecodeError::new(DecodeErrorKind::EventNameTooLong, start));
        }
        let name = json::unescape(raw).into_owned().into_bytes();
        check(&name, list, end, limit)?;
        Ok((Self::Apart(name.into()), end))
    }
}

/// Whether an event may have this name, and its item, which ends at `end`, is followed by what may follow one.
#[inline]
fn check(name: &[u8], list: &[u8], end: usize, limit: usize) -> Result<(), DecodeError> {
    // Where the item begins, without white space before it.
    let error = |kind| Err(DecodeError::new(kind, json::whitespace(list, 1)));
    if name.len() > limit {
        return error(DecodeErrorKind::EventNameTooLong);
    }
    let behind = json::whitespace(list, end);
    if !matches!(list.get(behind), Some(b',' | b']')) {
        return Err(DecodeError::new(DecodeErrorKind::Json, behind));
    }
    if is_reserved_bytes(name) {
        return error(DecodeErrorKind::ReservedName);
    }
    Ok(())
}
