//! Values on their way out: JSON text, and binaries beside it.

use std::io::{self, Write};

use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeTuple, Serializer};
use serde_json::ser::Formatter;

use super::draft::{Binaries, Output};
use super::encode::MAX_ATTACHMENTS;
use super::json;

/// The newtype name that says "several arguments".
pub(super) const ARGS: &str = "$koio::args";

/// Several values as the arguments of one event or one answer. Made by [`args!`](crate::args).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgList<T>(
    /// A tuple or a list of the arguments.
    pub T,
);

impl<T: Serialize> Serialize for ArgList<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ARGS, &self.0)
    }
}

/// Several values as the arguments of one event or one answer.
///
/// ```
/// # use koio::args;
/// # fn emit(name: &str, args: impl serde::Serialize) {}
/// emit("position", args![1.5, -2.0, "north"]);
/// ```
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        $crate::__private::ArgList(($($value,)*))
    };
}

impl Output {
    /// Appends the arguments: none for `()`, several for [`ArgList`], else the value itself.
    pub(super) fn arguments(
        &mut self,
        args: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        args.serialize(Arguments {
            output: self,
            json: &mut None,
        })
    }

    fn separate(&mut self) {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
    }

    fn argument(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), serde_json::Error> {
        self.separate();
        value.serialize(&mut self.json())
    }

    fn json(&mut self) -> Json<'_> {
        serde_json::Serializer::with_formatter(&mut self.text, Attach(&mut self.binaries))
    }
}

/// serde_json writes all there is to write; only binary data goes elsewhere.
type Json<'a> = serde_json::Serializer<&'a mut Vec<u8>, Attach<'a>>;

/// Puts each binary beside the text, and a placeholder into it.
struct Attach<'a>(&'a mut Binaries);

impl Formatter for Attach<'_> {
    fn write_byte_array<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        let index = self.0.count;
        if index >= MAX_ATTACHMENTS {
            // The caller sees the count.
            self.0.count += 1;
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.0.push(value);
        // Without `fmt`: the index has one digit.
        let digit = b"0123456789".get(index..=index).unwrap_or_default();
        writer.write_all(br#"{"_placeholder":true,"num":"#)?;
        writer.write_all(digit)?;
        writer.write_all(b"}")
    }
}

/// The serializer for the value as a whole, which decides how many arguments it is.
struct Arguments<'o, 'j> {
    output: &'o mut Output,
    /// Where the serializer of a single argument lives.
    json: &'j mut Option<Json<'o>>,
}

type Inner<'o, 'j> = &'j mut Json<'o>;

impl<'o, 'j> Arguments<'o, 'j> {
    fn one(self) -> Inner<'o, 'j> {
        self.output.separate();
        self.json.insert(self.output.json())
    }
}

macro_rules! one {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$ok, Self::Error> {
            self.one().$method($($arg),*)
        }
    )*};
}

impl<'o, 'j> Serializer for Arguments<'o, 'j> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = <Inner<'o, 'j> as Serializer>::SerializeSeq;
    type SerializeTuple = <Inner<'o, 'j> as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <Inner<'o, 'j> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <Inner<'o, 'j> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <Inner<'o, 'j> as Serializer>::SerializeMap;
    type SerializeStruct = <Inner<'o, 'j> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <Inner<'o, 'j> as Serializer>::SerializeStructVariant;

    fn serialize_unit(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        if name == ARGS {
            value.serialize(Spread(self.output))
        } else {
            self.one().serialize_newtype_struct(name, value)
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Self::Error> {
        self.one().serialize_some(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        self.one()
            .serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_str(self, text: &str) -> Result<(), Self::Error> {
        // A long text is the argument of many events, and serde_json looks at each of its bytes.
        if !json::is_plain(text.as_bytes()) {
            return self.one().serialize_str(text);
        }
        self.output.separate();
        let output = &mut self.output.text;
        output.reserve(text.len() + 2);
        output.push(b'"');
        output.extend_from_slice(text.as_bytes());
        output.push(b'"');
        Ok(())
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Self::Error> {
        self.one().collect_str(value)
    }

    one! {
        serialize_bool(v: bool) -> ();
        serialize_i8(v: i8) -> ();
        serialize_i16(v: i16) -> ();
        serialize_i32(v: i32) -> ();
        serialize_i64(v: i64) -> ();
        serialize_i128(v: i128) -> ();
        serialize_u8(v: u8) -> ();
        serialize_u16(v: u16) -> ();
        serialize_u32(v: u32) -> ();
        serialize_u64(v: u64) -> ();
        serialize_u128(v: u128) -> ();
        serialize_f32(v: f32) -> ();
        serialize_f64(v: f64) -> ();
        serialize_char(v: char) -> ();
        serialize_bytes(v: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(len: usize) -> Self::SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> Self::SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> Self::SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> Self::SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> Self::SerializeStructVariant;
    }
}

/// The serializer for a list of which each item is an argument of its own.
///
/// It says that it is not human readable, which to [`RawArgs`](super::RawArgs) means that it takes their text as bytes.
pub(super) struct Spread<'o>(&'o mut Output);

impl SerializeSeq for Spread<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        self.0.argument(value)
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl SerializeTuple for Spread<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        self.0.argument(value)
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// What [`ArgList`] may hold is a matter of our own code, so there is one error for all the rest.
fn no_list<T>() -> Result<T, serde_json::Error> {
    Err(serde::ser::Error::custom(
        "a list of arguments is a tuple or a sequence",
    ))
}

macro_rules! no_list {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, Self::Error> {
            no_list()
        }
    )*};
}

impl Serializer for Spread<'_> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), Self::Error>;
    type SerializeTupleVariant = Impossible<(), Self::Error>;
    type SerializeMap = Impossible<(), Self::Error>;
    type SerializeStruct = Impossible<(), Self::Error>;
    type SerializeStructVariant = Impossible<(), Self::Error>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bytes(self, json: &[u8]) -> Result<(), Self::Error> {
        if !json.is_empty() {
            self.0.separate();
            self.0.text.extend_from_slice(json);
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, Self::Error> {
        Ok(self)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, Self::Error> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Self::Error> {
        no_list()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Self::Error> {
        no_list()
    }

    no_list! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_none() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
