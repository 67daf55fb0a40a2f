//! The fast path for two kinds of values: a string without escapes, and a placeholder. Slow twin: serde_json and
//! [`WithAttachments`](super::wrapper::WithAttachments).

use bytes::Bytes;
use serde::de::{DeserializeOwned, Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error as Refusal;

use super::wrapper::RAW_VALUE;
use crate::fast_path::FastPath;
use crate::wire::json::{placeholder::usual_placeholder, string::plain};

/// Reads the value that `json` begins with if it is a string without escapes or a placeholder, and `T` takes it. Says how
/// long its text is. In every other case, errors included, returns `None`: serde_json then reads it.
///
/// serde_json would look at each byte of a string once more. (`koio/benches/codec.md`, `read a string of 16 KiB`: 32,755
/// instructions, most of them valgrind's count of the copy.)
#[inline]
pub(in crate::wire) fn read_fast<T: DeserializeOwned>(
    json: &[u8],
    attachments: Option<&[Bytes]>,
) -> Option<(T, usize)> {
    if !FastPath::PlainString.is_on() {
        return None;
    }
    match json {
        [b'"', text @ ..] => {
            let (text, behind) = text.split_at_checked(plain(text))?;
            if behind.first() != Some(&b'"') {
                return None;
            }
            let value = T::deserialize(PlainText(text)).ok()?;
            Some((value, text.len() + 2))
        }
        [b'{', ..] => {
            let attachments = attachments?;
            let (index, len) = usual_placeholder(json, attachments.len())?;
            let value = T::deserialize(Attachment(attachments.get(index)?)).ok()?;
            Some((value, len))
        }
        _ => None,
    }
}

/// Deserializes a string whose end is known and which has no escapes. Refuses every hint that is not for a string. The error
/// is never shown, since serde_json then reads the value again and makes its own.
struct PlainText<'de>(&'de [u8]);

/// From this length on simdutf8 uses vector instructions.
const LONG: usize = 64;

impl<'de> PlainText<'de> {
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

/// The hints that both deserializers answer alike: the value may be wrapped or ignored, and is not a number, list or map.
macro_rules! shared_hints {
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

impl<'de> Deserializer<'de> for PlainText<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_borrowed_str(self.str()?)
    }

    /// Mostly for a `String`. A short text is copied first and validated there: `String::from_utf8` checks a word at a time
    /// where the text is aligned, as the copy is and the packet's slice is not.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.0.len() >= LONG {
            return visitor.visit_string(self.str()?.to_owned());
        }
        visitor.visit_string(String::from_utf8(self.0.to_vec()).map_err(Refusal::custom)?)
    }

    forward_to_deserialize_any! {
        char str identifier
    }

    shared_hints!();

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

/// Deserializes an attachment for a type that asks for bytes or for anything.
struct Attachment<'a>(&'a [u8]);

impl<'de> Deserializer<'de> for Attachment<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_bytes(self.0)
    }

    forward_to_deserialize_any! {
        bytes byte_buf
    }

    shared_hints!();

    refused! {
        deserialize_char() deserialize_str() deserialize_string() deserialize_identifier()
        deserialize_enum(&'static str, &'static [&'static str])
    }
}
