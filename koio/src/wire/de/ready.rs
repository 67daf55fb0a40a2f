//! What serde_json need not look at: a string without escapes, and an attachment.

use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error as Refusal;

use super::RAW_VALUE;

/// Gives a string as serde_json does, without looking for its end and its escapes again. Whoever wants anything but a
/// string is refused; serde_json has to say in what words.
pub(in crate::wire) struct Text<'de>(pub(in crate::wire) &'de [u8]);

/// From here on simdutf8 has a way of its own.
const LONG: usize = 64;

impl<'de> Text<'de> {
    fn str(&self) -> Result<&'de str, Refusal> {
        simdutf8::basic::from_utf8(self.0).map_err(Refusal::custom)
    }
}

fn refuse<T>() -> Result<T, Refusal> {
    Err(Refusal::custom("another type"))
}

macro_rules! refused {
    ($($method:ident($($type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $type,)* _: V) -> Result<V::Value, Refusal> {
            refuse()
        }
    )*};
}

/// What is the same whatever is given: it may be wrapped or ignored, and is neither a number nor a list nor a map.
macro_rules! whatever_it_is {
    () => {
        fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            visitor.visit_some(self)
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            name: &'static str,
            visitor: V,
        ) -> Result<V::Value, Refusal> {
            if name == RAW_VALUE {
                return refuse();
            }
            visitor.visit_newtype_struct(self)
        }

        fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            visitor.visit_unit()
        }

        refused! {
            deserialize_bool()
            deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
            deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
            deserialize_f32() deserialize_f64()
            deserialize_unit() deserialize_unit_struct(&'static str)
            deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize)
            deserialize_map() deserialize_struct(&'static str, &'static [&'static str])
        }
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_borrowed_str(self.str()?)
    }

    /// Nearly always for a `String`. In memory of its own a short text begins where it can be looked at a word at a
    /// time; where it lies, half of it would be looked at byte by byte.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.0.len() >= LONG {
            return visitor.visit_string(self.str()?.to_owned());
        }
        visitor.visit_string(String::from_utf8(self.0.to_vec()).map_err(Refusal::custom)?)
    }

    forward_to_deserialize_any! {
        char str identifier
    }

    whatever_it_is!();

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_enum(self.str()?.into_deserializer())
    }

    refused! {
        deserialize_bytes() deserialize_byte_buf()
    }
}

/// Gives what a placeholder stands for, as [`Guarded`](super::Guarded) does: to whoever wants bytes or anything.
pub(in crate::wire) struct Attachment<'a>(pub(in crate::wire) &'a [u8]);

impl<'de> Deserializer<'de> for Attachment<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_bytes(self.0)
    }

    forward_to_deserialize_any! {
        bytes byte_buf
    }

    whatever_it_is!();

    refused! {
        deserialize_char() deserialize_str() deserialize_string() deserialize_identifier()
        deserialize_enum(&'static str, &'static [&'static str])
    }
}
