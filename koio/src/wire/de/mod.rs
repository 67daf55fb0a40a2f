//! What stands between serde_json and the types that read arguments.
//!
//! It lets values through as they are, at any depth, but for two things. A JSON string is no binary
//! data, though serde_json would hand out its bytes. And in a binary packet, an object that stands
//! for an attachment is that attachment: it answers a type that asks for bytes or for anything, and
//! no type that asks for a map or a struct.

mod access;
mod guide;
mod head;
mod key;
mod ready;

use std::cell::Cell;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Visitor};

use self::guide::{Guide, Hint};
pub(super) use self::ready::{Attachment, Text};

/// The name under which `serde_json::value::RawValue` asks for the text itself.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// What all parts of one argument share.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    /// Nothing in a packet that is not binary.
    attachments: Option<&'s [Bytes]>,
    failed: &'s Cell<bool>,
    /// How many objects that looked like placeholders at first this value is inside of.
    replays: u8,
}

/// The text of a value that begins like a placeholder is gone through twice. Where such values are
/// nested in each other that multiplies, which nobody's data needs and an attacker could use, so
/// below this level only a type that asks for bytes finds an attachment.
const REPLAYS: u8 = 8;

impl<'s> Scope<'s> {
    /// `failed` becomes true if any part of the value fails, even if its type makes up for that.
    pub(super) fn new(attachments: Option<&'s [Bytes]>, failed: &'s Cell<bool>) -> Self {
        Self {
            attachments,
            failed,
            replays: 0,
        }
    }

    fn replay(self) -> Self {
        Self {
            replays: self.replays.saturating_add(1),
            ..self
        }
    }

    fn note<T, E>(self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.failed.set(true);
        }
        result
    }
}

/// A deserializer, or a seed for one, whose nested values go through the guard as well.
pub(super) struct Guarded<'s, D> {
    inner: D,
    scope: Scope<'s>,
}

impl<'s, D> Guarded<'s, D> {
    pub(super) fn new(inner: D, scope: Scope<'s>) -> Self {
        Self { inner, scope }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guarded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner
            .deserialize(Guarded::new(deserializer, self.scope))
    }
}

/// Hints that lead to scalars, which hold nothing to guard.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.scope.note(self.inner.$method(visitor))
        }
    )*};
}

/// Hints that lead to nested values.
macro_rules! nested {
    ($($method:ident($hint:ident $(, $arg:ident: $type:ty)*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let guide = Guide::new(visitor, self.scope, Hint::$hint);
            self.scope.note(self.inner.$method($($arg,)* guide))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guarded<'_, D> {
    type Error = D::Error;

    scalars! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
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
            .note(self.inner.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name == RAW_VALUE {
            return self
                .scope
                .note(self.inner.deserialize_newtype_struct(name, visitor));
        }
        let guide = Guide::new(visitor, self.scope, Hint::Other);
        self.scope
            .note(self.inner.deserialize_newtype_struct(name, guide))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        // Asked for bytes, serde_json would take the string's; asked for anything, it says what is there.
        let guide = Guide::new(visitor, self.scope, Hint::Bytes);
        self.scope.note(self.inner.deserialize_any(guide))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_bytes(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
