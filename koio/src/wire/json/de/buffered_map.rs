//! A map whose first entries have been read already.

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::first_entries::FirstEntries;
use super::key::KeyDeserializer;
use super::wrapper::{Scope, WithAttachments};

/// Returns the first entries again, then the remaining ones of the map.
pub(super) struct BufferedMap<'s, 'de, A> {
    first: FirstEntries<'de>,
    /// The value of the key that was given last, if that was one of the first.
    value: Option<&'de RawValue>,
    access: A,
    scope: Scope<'s>,
}

impl<'s, 'de, A> BufferedMap<'s, 'de, A> {
    pub(super) fn new(first: FirstEntries<'de>, access: A, scope: Scope<'s>) -> Self {
        Self {
            first,
            value: None,
            access,
            scope,
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for BufferedMap<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key = if let Some((key, value)) = self.first.next() {
            self.value = Some(value);
            seed.deserialize(KeyDeserializer::new(key)).map(Some)
        } else if let Some(key) = self.first.pending.take() {
            seed.deserialize(KeyDeserializer::new(&key)).map(Some)
        } else if self.first.ended {
            Ok(None)
        } else {
            self.access.next_key_seed(seed)
        };
        self.scope.record(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = match self.value.take() {
            Some(raw) => {
                let seed = WithAttachments::new(seed, self.scope.buffered());
                whole(seed, raw).map_err(A::Error::custom)
            }
            None => self
                .access
                .next_value_seed(WithAttachments::new(seed, self.scope)),
        };
        self.scope.record(value)
    }
}

/// Reads a value. One that was read only in part is an error, as it is in a map whose entries come from the text.
fn whole<'de, S: DeserializeSeed<'de>>(
    seed: S,
    raw: &'de RawValue,
) -> serde_json::Result<S::Value> {
    let text = raw.get();
    let mut json = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut json)?;
    match json.into_iter::<IgnoredAny>().byte_offset() {
        // The type has not looked at it.
        0 => Ok(value),
        end if end == text.len() => Ok(value),
        _ => Err(serde_json::Error::custom(
            "the type reads only a part of the value",
        )),
    }
}
