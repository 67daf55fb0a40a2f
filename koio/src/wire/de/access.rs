//! Lists, maps and enums whose parts go through the guard.

use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::value::RawValue;

use super::guide::{Guide, Hint};
use super::head::Head;
use super::key::KeyDeserializer;
use super::{Guarded, Scope};

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let element = self.inner.next_element_seed(Guarded::new(seed, self.scope));
        self.scope.note(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(seed);
        self.scope.note(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.inner.next_value_seed(Guarded::new(seed, self.scope));
        self.scope.note(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 's, A: EnumAccess<'de>> EnumAccess<'de> for Guarded<'s, A> {
    type Error = A::Error;
    type Variant = Guarded<'s, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.scope.note(self.inner.variant_seed(seed))?;
        Ok((name, Guarded::new(variant, self.scope)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.scope.note(self.inner.unit_variant())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = Guarded::new(seed, self.scope);
        self.scope.note(self.inner.newtype_variant_seed(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let guide = Guide::new(visitor, self.scope, Hint::Other);
        self.scope.note(self.inner.tuple_variant(len, guide))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let guide = Guide::new(visitor, self.scope, Hint::Map);
        self.scope.note(self.inner.struct_variant(fields, guide))
    }
}

/// A map whose first entries have been read already.
pub(super) struct Replay<'s, 'de, A> {
    head: Head<'de>,
    /// The value of the key that was given last, if that came from the head.
    value: Option<&'de RawValue>,
    access: A,
    scope: Scope<'s>,
}

impl<'s, 'de, A> Replay<'s, 'de, A> {
    pub(super) fn new(head: Head<'de>, access: A, scope: Scope<'s>) -> Self {
        Self {
            head,
            value: None,
            access,
            scope,
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Replay<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key = if let Some((key, value)) = self.head.next() {
            self.value = Some(value);
            seed.deserialize(KeyDeserializer::new(key)).map(Some)
        } else if let Some(key) = self.head.pending.take() {
            seed.deserialize(KeyDeserializer::new(&key)).map(Some)
        } else if self.head.ended {
            Ok(None)
        } else {
            self.access.next_key_seed(seed)
        };
        self.scope.note(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = match self.value.take() {
            Some(raw) => {
                let seed = Guarded::new(seed, self.scope.replay());
                seed.deserialize(raw).map_err(A::Error::custom)
            }
            None => self.access.next_value_seed(Guarded::new(seed, self.scope)),
        };
        self.scope.note(value)
    }
}
