//! The wrapper around lists, maps and enums: their parts are wrapped too.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::visitor::{AttachmentVisitor, Hint};
use super::wrapper::WithAttachments;

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for WithAttachments<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let element = self
            .inner
            .next_element_seed(WithAttachments::new(seed, self.scope));
        self.scope.record(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithAttachments<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(seed);
        self.scope.record(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self
            .inner
            .next_value_seed(WithAttachments::new(seed, self.scope));
        self.scope.record(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 's, A: EnumAccess<'de>> EnumAccess<'de> for WithAttachments<'s, A> {
    type Error = A::Error;
    type Variant = WithAttachments<'s, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, variant) = self.scope.record(self.inner.variant_seed(seed))?;
        Ok((name, WithAttachments::new(variant, self.scope)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for WithAttachments<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.scope.record(self.inner.unit_variant())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = WithAttachments::new(seed, self.scope);
        self.scope.record(self.inner.newtype_variant_seed(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = AttachmentVisitor::new(visitor, self.scope, Hint::Other);
        self.scope.record(self.inner.tuple_variant(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = AttachmentVisitor::new(visitor, self.scope, Hint::Map);
        self.scope
            .record(self.inner.struct_variant(fields, visitor))
    }
}
