//! The parts of a list, a map or a struct.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use super::key::KeySerializer;
use super::string::push_string;
use super::writer::{End, JsonParts, JsonSerializer, JsonSink};

impl<S: JsonSink> JsonParts<'_, S> {
    /// Writes the comma that may have to come before a part.
    #[inline]
    fn separate(&mut self) -> &mut Vec<u8> {
        let text = self.sink.text();
        if self.comma {
            text.push(b',');
        }
        self.comma = true;
        text
    }

    #[inline]
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.separate();
        value.serialize(JsonSerializer::new(self.sink))
    }

    #[inline]
    fn field(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        if let End::Raw(name) = self.end {
            return serde_json::to_writer(self.sink.text(), &OneField { name, key, value });
        }
        let text = self.separate();
        push_string(text, key);
        text.push(b':');
        value.serialize(JsonSerializer::new(self.sink))
    }

    #[inline]
    fn finish(self) -> Result<(), Error> {
        let end: &[u8] = match self.end {
            End::List => b"]",
            End::Map => b"}",
            End::ListVariant => b"]}",
            End::MapVariant => b"}}",
            End::Raw(_) => b"",
        };
        self.sink.text().extend_from_slice(end);
        Ok(())
    }
}

/// A struct of serde_json's own, for serde_json itself.
struct OneField<'a, T: ?Sized> {
    name: &'static str,
    key: &'static str,
    value: &'a T,
}

impl<T: Serialize + ?Sized> Serialize for OneField<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct(self.name, 1)?;
        fields.serialize_field(self.key, self.value)?;
        fields.end()
    }
}

impl<S: JsonSink> SerializeMap for JsonParts<'_, S> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(KeySerializer(self.separate()))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.sink.text().push(b':');
        value.serialize(JsonSerializer::new(self.sink))
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident)*) => {$(
        impl<S: JsonSink> $trait for JsonParts<'_, S> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

items! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl<S: JsonSink> $trait for JsonParts<'_, S> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }
