//! Event names.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

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

/// The name of an event that came in.
///
/// A number keeps the text that the client wrote.
#[derive(Clone)]
pub struct EventName(Text);

/// Nearly all names are short. To copy one costs less than to count a reference to its packet.
#[derive(Clone)]
enum Text {
    Short {
        len: u8,
        /// The name, and whatever was behind it.
        bytes: [u8; SHORT],
    },
    Long(Box<[u8]>),
}

const SHORT: usize = 22;

impl EventName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Always UTF-8: it is cut out of text at quotes, and never longer than the limit, so that
        // to check it again is cheaper than to keep a second copy.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The name as bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Text::Long(bytes) => bytes,
        }
    }

    /// The name that is the first `len` bytes of a text.
    fn new(text: &[u8], len: usize) -> Self {
        let name = text.get(..len).unwrap_or_default();
        let short = u8::try_from(len).ok().filter(|_| len <= SHORT);
        Self(match (short, text.first_chunk()) {
            // A copy of always as many bytes is but two moves.
            (Some(len), Some(bytes)) => Text::Short { len, bytes: *bytes },
            (Some(len), None) => {
                let mut bytes = [0; SHORT];
                for (to, from) in bytes.iter_mut().zip(name) {
                    *to = *from;
                }
                Text::Short { len, bytes }
            }
            (None, _) => Text::Long(name.into()),
        })
    }

    /// Reads the first item of an event's list, whose `[` is at 0, and says where it ends.
    pub(super) fn decode(data: &[u8], limit: usize) -> Result<(Self, usize), DecodeError> {
        let start = json::whitespace(data, 1);
        let error = |kind| Err(DecodeError::new(kind, start));
        // The name is the first so many bytes of the text.
        let (text, len, end) = match data.get(start) {
            Some(b'"') => {
                let rest = data.get(start + 1..).unwrap_or_default();
                let len = json::plain(rest);
                if rest.get(len) == Some(&b'"') {
                    (Cow::Borrowed(rest), len, start + len + 2)
                } else {
                    let end = json::string(data, start + 1)?;
                    let raw = data.get(start + 1..end - 1).unwrap_or_default();
                    if raw.len() > limit.saturating_mul(6) {
                        // Even if it were all `\u` escapes, which are six bytes for one.
                        return error(DecodeErrorKind::EventNameTooLong);
                    }
                    let name = json::unescape(raw).into_owned().into_bytes();
                    let len = name.len();
                    (Cow::Owned(name), len, end)
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                let end = json::value(data, start, 1, &mut json::Unwatched)?;
                let number = data.get(start..end).unwrap_or_default();
                let finite = std::str::from_utf8(number)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .is_some_and(f64::is_finite);
                if !finite {
                    return error(DecodeErrorKind::EventName);
                }
                (Cow::Borrowed(number), number.len(), end)
            }
            _ => return error(DecodeErrorKind::EventName),
        };
        if len > limit {
            return error(DecodeErrorKind::EventNameTooLong);
        }
        let behind = json::whitespace(data, end);
        if !matches!(data.get(behind), Some(b',' | b']')) {
            return Err(DecodeError::new(DecodeErrorKind::Json, behind));
        }
        let name = Self::new(&text, len);
        if is_reserved_bytes(name.as_bytes()) {
            return error(DecodeErrorKind::ReservedName);
        }
        Ok((name, end))
    }
}

impl From<&str> for EventName {
    fn from(name: &str) -> Self {
        Self::new(name.as_bytes(), name.len())
    }
}

impl From<String> for EventName {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl Deref for EventName {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for EventName {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for EventName {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for EventName {}

impl Hash for EventName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<str> for EventName {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for EventName {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
