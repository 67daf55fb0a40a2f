//! The serializer of one value.

use std::fmt::Display;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Error;

use super::string::{push_display, push_string};
use super::writer::{End, JsonParts, JsonSerializer, JsonSink};

impl<S: JsonSink> JsonSerializer<'_, S> {
    #[inline]
    fn literal(self, literal: &[u8]) -> Result<(), Error> {
        self.0.text().extend_from_slice(literal);
        Ok(())
    }

    /// Numbers have no other text than that of serde_json: `null` for those that are not finite, for example.
    #[inline]
    fn number(self, number: impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(self.0.text(), &number)
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty))*) => {$(
        #[inline]
        fn $method(self, number: $type) -> Result<(), Error> {
            self.number(number)
        }
    )*};
}

impl<'a, S: JsonSink> Serializer for JsonSerializer<'a, S> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = JsonParts<'a, S>;
    type SerializeTuple = JsonParts<'a, S>;
    type SerializeTupleStruct = JsonParts<'a, S>;
    type SerializeTupleVariant = JsonParts<'a, S>;
    type SerializeMap = JsonParts<'a, S>;
    type SerializeStruct = JsonParts<'a, S>;
    type SerializeStructVariant = JsonParts<'a, S>;

    numbers! {
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_f32(f32) serialize_f64(f64)
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.literal(if value { b"true" } else { b"false" })
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        push_string(self.0.text(), value);
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        push_display(self.0.text(), value).map_err(Error::custom)
    }

    fn serialize_bytes(self, data: &[u8]) -> Result<(), Error> {
        let Some(number) = self.0.push_binary(data) else {
            return Err(Error::custom("too many attachments"));
        };
        debug_assert!(number < 10, "one digit");
        let text = self.0.text();
        text.extend_from_slice(br#"{"_placeholder":true,"num":"#);
        text.extend_from_slice(&[b'0' + number, b'}']);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.literal(b"null")
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.literal(b"null")
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.literal(b"null")
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(JsonSerializer(&mut *self.0))?;
        self.literal(b"}")
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<JsonParts<'a, S>, Error> {
        Ok(JsonParts::begin(self.0, b'[', End::List))
    }

    #[inline]
    fn serialize_tuple(self, _len: usize) -> Result<JsonParts<'a, S>, Error> {
        Ok(JsonParts::begin(self.0, b'[', End::List))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<JsonParts<'a, S>, Error> {
        Ok(JsonParts::begin(self.0, b'[', End::List))
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<JsonParts<'a, S>, Error> {
        self.variant(variant);
        Ok(JsonParts::begin(self.0, b'[', End::ListVariant))
    }

    #[inline]
    fn serialize_map(self, _len: Option<usize>) -> Result<JsonParts<'a, S>, Error> {
        Ok(JsonParts::begin(self.0, b'{', End::Map))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<JsonParts<'a, S>, Error> {
        if name.starts_with(SERDE_JSON) {
            return Ok(JsonParts::raw(self.0, name));
        }
        Ok(JsonParts::begin(self.0, b'{', End::Map))
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<JsonParts<'a, S>, Error> {
        self.variant(variant);
        Ok(JsonParts::begin(self.0, b'{', End::MapVariant))
    }
}

/// How the names begin under which serde_json's own types give themselves to its serializer: a `RawValue`, and a `Number` if
/// a program has switched on `arbitrary_precision`.
const SERDE_JSON: &str = "$serde_json::private::";
