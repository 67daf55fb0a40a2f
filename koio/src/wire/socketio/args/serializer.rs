//! Writes arguments into a packet: decides how many a value is, and writes the text of each.

use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeTuple, Serializer};

use super::list::SEVERAL_ARGS;
use crate::wire::engineio::PacketBuffer;
use crate::wire::json::{JsonSerializer, JsonSink};
use crate::wire::socketio::limits::MAX_ATTACHMENTS;

/// Appends arguments to the list in `buffer`: none for `()`, several for [`ArgList`](super::ArgList) and
/// [`RawArgs`](super::RawArgs), else the value itself. `comma`: whether the list has items already.
pub(in crate::wire::socketio) fn write_args(
    buffer: &mut PacketBuffer,
    comma: bool,
    args: &(impl Serialize + ?Sized),
) -> Result<(), serde_json::Error> {
    args.serialize(ArgsSerializer(ListWriter { buffer, comma }))
}

impl JsonSink for PacketBuffer {
    #[inline]
    fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    fn push_binary(&mut self, data: &[u8]) -> Option<u8> {
        const { assert!(MAX_ATTACHMENTS <= 10, "their numbers have one digit") };
        let num = self.binaries.count;
        if num >= MAX_ATTACHMENTS {
            // Counted, not kept: `finish_list` in `encode.rs` sees by the count why writing failed.
            self.binaries.count += 1;
            return None;
        }
        self.binaries.push(data);
        Some(num as u8)
    }
}

/// Appends items to the list of a packet.
struct ListWriter<'b> {
    buffer: &'b mut PacketBuffer,
    /// Whether a comma must come before the next item.
    comma: bool,
}

impl<'b> ListWriter<'b> {
    #[inline]
    fn separate(&mut self) {
        if self.comma {
            self.buffer.text.push(b',');
        }
        self.comma = true;
    }

    /// The serializer of the next item.
    #[inline]
    fn item(&mut self) -> JsonSerializer<'_, PacketBuffer> {
        self.separate();
        JsonSerializer::new(self.buffer)
    }
}

/// The serializer for a value as a whole, which decides how many arguments it is.
struct ArgsSerializer<'b>(ListWriter<'b>);

impl<'b> ArgsSerializer<'b> {
    /// The value is one argument, and this serializes it.
    #[inline]
    fn one(self) -> JsonSerializer<'b, PacketBuffer> {
        let mut list = self.0;
        list.separate();
        JsonSerializer::new(list.buffer)
    }
}

macro_rules! one {
    ($($method:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        #[inline]
        fn $method(self, $($arg: $type),*) -> Result<$ok, Self::Error> {
            self.one().$method($($arg),*)
        }
    )*};
}

impl<'b> Serializer for ArgsSerializer<'b> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeSeq;
    type SerializeTuple = <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeTuple;
    type SerializeTupleStruct =
        <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant =
        <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeMap;
    type SerializeStruct = <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeStruct;
    type SerializeStructVariant =
        <JsonSerializer<'b, PacketBuffer> as Serializer>::SerializeStructVariant;

    fn serialize_unit(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        if name == SEVERAL_ARGS {
            value.serialize(ArgListSerializer(self.0))
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
        serialize_str(v: &str) -> ();
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

/// The serializer for what is in [`SEVERAL_ARGS`]: a tuple or a list of which each item is an argument of its own.
///
/// `RawArgs` (`relay.rs`) may give all items at once, as text. serde has no method for that and no way to tell serializers
/// apart, so the two agree on this: only this serializer is not human readable, and `serialize_bytes` then takes the text.
/// A user's value never meets it, since a [`JsonSerializer`] writes the items.
struct ArgListSerializer<'b>(ListWriter<'b>);

impl SerializeSeq for ArgListSerializer<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        value.serialize(self.0.item())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl SerializeTuple for ArgListSerializer<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        value.serialize(self.0.item())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Only koio's own code fills an [`ArgList`](super::ArgList), so one error serves for everything else.
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

impl Serializer for ArgListSerializer<'_> {
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

    fn serialize_bytes(mut self, text: &[u8]) -> Result<(), Self::Error> {
        if !text.is_empty() {
            self.0.separate();
            self.0.buffer.text.extend_from_slice(text);
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
