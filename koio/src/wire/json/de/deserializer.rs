//! The wrapper around a deserializer: every hint that can lead to nested values gets a visitor in front of the type's own.

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use super::integers::IntegerVisitor;
use super::visitor::{AttachmentVisitor, Hint};
use super::wrapper::{Numbers, RAW_VALUE, WithAttachments};

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for WithAttachments<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner
            .deserialize(WithAttachments::new(deserializer, self.scope))
    }
}

/// Hints that lead to scalars, which have no nested values.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.scope.record(self.inner.$method(visitor))
        }
    )*};
}

/// Hints that lead to nested values.
macro_rules! nested {
    ($($method:ident($hint:ident $(, $arg:ident: $type:ty)*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = AttachmentVisitor::new(visitor, self.scope, Hint::$hint);
            self.scope.record(self.inner.$method($($arg,)* visitor))
        }
    )*};
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.scope.record(self.inner.$method(IntegerVisitor(visitor)))
        }
    )*};
}

/// serde_json reads the digits of such an integer by themselves, and stops at a point. Read as any number, it has the
/// precision of a float.
macro_rules! wide_integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.scope.record(match self.scope.numbers {
                Numbers::AsWritten => self.inner.$method(visitor),
                Numbers::WholeAreIntegers => self.inner.deserialize_any(IntegerVisitor(visitor)),
            })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for WithAttachments<'_, D> {
    type Error = D::Error;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    wide_integers! {
        deserialize_i128 deserialize_u128
    }

    scalars! {
        deserialize_bool
        deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_identifier
        deserialize_unit deserialize_ignored_any
    }

    nested! {
        deserialize_any(Any)
        deserialize_option(Other)
        deserialize_seq(Other)
        deserialize_tuple(Other, len: usize)
        deserialize_tuple_struct(Other, name: &'static str, len: usize)
        deserialize_map(Map)
        deserialize_struct(Map, name: &'static str, fields: &'static [&'static str])
        deserialize_enum(Other, name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.scope
            .record(self.inner.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name == RAW_VALUE {
            return self
                .scope
                .record(self.inner.deserialize_newtype_struct(name, visitor));
        }
        let visitor = AttachmentVisitor::new(visitor, self.scope, Hint::Other);
        self.scope
            .record(self.inner.deserialize_newtype_struct(name, visitor))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        // Asked for bytes, serde_json would give those of a string; asked for anything, it gives the string.
        let visitor = AttachmentVisitor::new(visitor, self.scope, Hint::Bytes);
        self.scope.record(self.inner.deserialize_any(visitor))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_bytes(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
