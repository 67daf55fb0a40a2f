//! The first entries of an object, read to see whether it is a placeholder.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::json::placeholder::{KEY, NUM, index};

/// Entries that were read before it was known whether the object is a placeholder. A
/// [`BufferedMap`](super::buffered_map::BufferedMap) gives them to the type.
#[derive(Default)]
pub(super) struct FirstEntries<'de> {
    /// `_placeholder`, `num`, both in either order, or none.
    entries: [Option<(&'static str, &'de RawValue)>; 2],
    /// A key whose value has not been read.
    pub(super) pending: Option<Cow<'de, str>>,
    /// Whether the object has no other entries.
    pub(super) ended: bool,
}

/// Whether an object is a placeholder.
pub(super) enum ObjectKind<'a, 'de> {
    /// A placeholder, and the attachment that it stands for.
    Attachment(&'a [u8]),
    /// Anything else.
    Map(FirstEntries<'de>),
}

impl<'de> FirstEntries<'de> {
    /// Reads entries while the object may be a placeholder: two keys, each once, and no others.
    pub(super) fn read<'a, A: MapAccess<'de>>(
        access: &mut A,
        attachments: &'a [Bytes],
    ) -> Result<ObjectKind<'a, 'de>, A::Error> {
        let mut first = Self::default();
        loop {
            let Some(key) = access.next_key_seed(KeyText)? else {
                first.ended = true;
                break;
            };
            let known = [KEY, NUM].into_iter().find(|known| *known == key);
            let free = match (known, &first.entries) {
                (Some(_), [None, _]) => Some(0),
                (Some(known), [Some((first, _)), None]) if *first != known => Some(1),
                _ => None,
            };
            let (Some(known), Some(slot)) =
                (known, free.and_then(|free| first.entries.get_mut(free)))
            else {
                first.pending = Some(key);
                break;
            };
            *slot = Some((known, access.next_value()?));
        }
        Ok(match first.attachment(attachments) {
            Some(data) => ObjectKind::Attachment(data),
            None => ObjectKind::Map(first),
        })
    }

    fn attachment<'a>(&self, attachments: &'a [Bytes]) -> Option<&'a [u8]> {
        let [Some(one), Some(other)] = self.entries else {
            return None;
        };
        let (mark, num) = if one.0 == KEY {
            (one.1, other.1)
        } else {
            (other.1, one.1)
        };
        if !self.ended || mark.get() != "true" {
            return None;
        }
        let index = index(num.get().as_bytes(), attachments.len())?;
        attachments.get(index).map(|data| &data[..])
    }

    /// Takes the next entry whose value was read too.
    pub(super) fn next(&mut self) -> Option<(&'static str, &'de RawValue)> {
        let [first, second] = &mut self.entries;
        first.take().or_else(|| second.take())
    }
}

/// Reads a key as text, without a copy where it has no escapes.
struct KeyText;

impl<'de> DeserializeSeed<'de> for KeyText {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyText {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
