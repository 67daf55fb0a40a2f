//! The first entries of an object, read to see whether it stands for an attachment.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::json;

/// Entries that had to be read before it was known what the object is. The type gets them again.
#[derive(Default)]
pub(super) struct Head<'de> {
    /// `_placeholder`, `num`, both in either order, or none.
    entries: [Option<(&'static str, &'de RawValue)>; 2],
    /// A key of which the value has not been read.
    pub(super) pending: Option<Cow<'de, str>>,
    /// Whether the object has no more than these.
    pub(super) ended: bool,
}

/// What an object of a binary packet is.
pub(super) enum Seen<'a, 'de> {
    Attachment(&'a [u8]),
    Map(Head<'de>),
}

impl<'de> Head<'de> {
    /// Reads as far as it could be a placeholder: two keys, each once, and nothing behind them.
    pub(super) fn read<'a, A: MapAccess<'de>>(
        access: &mut A,
        attachments: &'a [Bytes],
    ) -> Result<Seen<'a, 'de>, A::Error> {
        let mut head = Self::default();
        loop {
            let Some(key) = access.next_key_seed(KeyText)? else {
                head.ended = true;
                break;
            };
            let known = [json::KEY, json::NUM]
                .into_iter()
                .find(|known| *known == key);
            let free = match (known, &head.entries) {
                (Some(_), [None, _]) => Some(0),
                (Some(known), [Some((first, _)), None]) if *first != known => Some(1),
                _ => None,
            };
            let (Some(known), Some(slot)) =
                (known, free.and_then(|free| head.entries.get_mut(free)))
            else {
                head.pending = Some(key);
                break;
            };
            *slot = Some((known, access.next_value()?));
        }
        Ok(match head.attachment(attachments) {
            Some(data) => Seen::Attachment(data),
            None => Seen::Map(head),
        })
    }

    fn attachment<'a>(&self, attachments: &'a [Bytes]) -> Option<&'a [u8]> {
        let [Some(one), Some(other)] = self.entries else {
            return None;
        };
        let (mark, num) = if one.0 == json::KEY {
            (one.1, other.1)
        } else {
            (other.1, one.1)
        };
        if !self.ended || mark.get() != "true" {
            return None;
        }
        let index = json::index(num.get().as_bytes(), attachments.len())?;
        attachments.get(index).map(|data| &data[..])
    }

    /// Takes the next entry that was read entirely.
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
