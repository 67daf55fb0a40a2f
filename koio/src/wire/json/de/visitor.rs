//! The visitor that wraps the type's own.

use std::fmt;

use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::buffered_map::BufferedMap;
use super::first_entries::{FirstEntries, ObjectKind};
use super::integers::visit_number;
use super::wrapper::{Numbers, Scope, WithAttachments};

/// What the type asked for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Hint {
    Any,
    Bytes,
    Map,
    Other,
}

/// Passes values on to the type's visitor, but resolves placeholders, and refuses a string where bytes are wanted.
pub(super) struct AttachmentVisitor<'s, V> {
    visitor: V,
    scope: Scope<'s>,
    hint: Hint,
}

impl<'s, V> AttachmentVisitor<'s, V> {
    pub(super) fn new(visitor: V, scope: Scope<'s>, hint: Hint) -> Self {
        Self {
            visitor,
            scope,
            hint,
        }
    }
}

macro_rules! forward {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

macro_rules! strings {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, text: $type) -> Result<V::Value, E> {
            if self.hint == Hint::Bytes {
                return Err(E::invalid_type(Unexpected::Str(&text), &self.visitor));
            }
            self.visitor.$method(text)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AttachmentVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    forward! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32)
        visit_char(char)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    strings! {
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        match self.scope.numbers {
            Numbers::AsWritten => self.visitor.visit_f64(number),
            Numbers::WholeAreIntegers => visit_number(number, self.visitor),
        }
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor
            .visit_some(WithAttachments::new(deserializer, self.scope))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        self.visitor
            .visit_newtype_struct(WithAttachments::new(deserializer, self.scope))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.visitor
            .visit_seq(WithAttachments::new(access, self.scope))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.visitor
            .visit_enum(WithAttachments::new(access, self.scope))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<V::Value, A::Error> {
        let Some(attachments) = self.scope.attachments else {
            return if self.hint == Hint::Bytes {
                Err(A::Error::invalid_type(Unexpected::Map, &self.visitor))
            } else {
                self.visitor
                    .visit_map(WithAttachments::new(access, self.scope))
            };
        };
        if !self.scope.may_buffer() && self.hint != Hint::Bytes {
            return self
                .visitor
                .visit_map(WithAttachments::new(access, self.scope));
        }
        match (FirstEntries::read(&mut access, attachments)?, self.hint) {
            (ObjectKind::Attachment(data), Hint::Any | Hint::Bytes) => {
                self.visitor.visit_bytes(data)
            }
            (ObjectKind::Attachment(data), _) => Err(A::Error::invalid_type(
                Unexpected::Bytes(data),
                &self.visitor,
            )),
            (ObjectKind::Map(_), Hint::Bytes) => {
                Err(A::Error::invalid_type(Unexpected::Map, &self.visitor))
            }
            (ObjectKind::Map(first), _) => self
                .visitor
                .visit_map(BufferedMap::new(first, access, self.scope)),
        }
    }
}
