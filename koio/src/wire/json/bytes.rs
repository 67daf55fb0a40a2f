//! Binary data as a serde value.

use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Binary data inside a value: it travels as an attachment, not as a list of numbers.
///
/// Cloning costs a reference count. What JavaScript sees is an `ArrayBuffer` (browsers) or a
/// `Buffer` (Node); both of those, typed arrays and blobs can be read into it. A string cannot: text where
/// binary data is wanted is a mistake of the sender.
///
/// In an untagged enum, put it before a `String`: serde makes a string of bytes that happen to be
/// UTF-8.
///
/// ```
/// # use koio::wire::Bytes;
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Upload {
///     name: String,
///     content: Bytes,
/// }
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(bytes::Bytes);

impl Bytes {
    /// No bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(bytes::Bytes::new())
    }

    /// Bytes of the program itself, without a copy.
    #[must_use]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self(bytes::Bytes::from_static(bytes))
    }

    /// The buffer as the `bytes` crate knows it.
    #[must_use]
    pub fn into_inner(self) -> bytes::Bytes {
        self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<bytes::Bytes> for Bytes {
    fn from(bytes: bytes::Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Bytes> for bytes::Bytes {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes::Bytes::copy_from_slice(bytes))
    }
}

impl<const N: usize> From<[u8; N]> for Bytes {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self(bytes.into_iter().collect())
    }
}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Bytes {
    fn eq(&self, other: &[u8; N]) -> bool {
        self.0 == other[..]
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_byte_buf`: serde_json would answer that with the bytes of a string.
        deserializer.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

/// A list's length is what the sender says; reserve no more than this before its items are seen.
const RESERVE: usize = 4096;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("binary data")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::with_capacity(items.size_hint().unwrap_or(0).min(RESERVE));
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_numbers_is_read_but_a_string_is_not() {
        assert_eq!(
            serde_json::from_str::<Bytes>("[1,2,255]").unwrap(),
            [1, 2, 255]
        );
        for json in [
            r#""abc""#, "[256]", "[-1]", "[1.5]", "1", "null", "{}", "true",
        ] {
            assert!(serde_json::from_str::<Bytes>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn conversions_keep_the_bytes() {
        let bytes = Bytes::from(vec![1, 2]);
        assert_eq!(bytes, *[1, 2].as_slice());
        assert_eq!(bytes.len(), 2);
        assert_eq!(
            bytes::Bytes::from(bytes.clone()),
            bytes.clone().into_inner()
        );
        assert_eq!(Bytes::from([1, 2]), bytes);
        assert_eq!([1, 2].into_iter().collect::<Bytes>(), bytes);
        assert!(Bytes::new().is_empty());
        assert_eq!(Bytes::from_static(b"x").as_ref(), b"x");
    }
}
