//! Relayed arguments: [`RawArgs`] as a value to send.

use std::cell::Cell;

use bytes::Bytes;
use serde::de::Deserialize;
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::list::SEVERAL_ARGS;
use super::raw_args::RawArgs;
use crate::wire::{DecodeError, DecodeErrorKind, json};

impl Serialize for RawArgs {
    /// As the arguments of an event or an ack: the same arguments. Inside another value: a list of them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.binaries() {
            Some(attachments) => {
                let args = BinaryArgs {
                    args: self,
                    attachments,
                };
                serializer.serialize_newtype_struct(SEVERAL_ARGS, &args)
            }
            None => serializer.serialize_newtype_struct(SEVERAL_ARGS, &TextArgs(self)),
        }
    }
}

/// Arguments without attachments. Koio's own serializer copies the text of all at once, any other that of each.
struct TextArgs<'a>(&'a RawArgs);

impl Serialize for TextArgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Not human readable: this is `ArgListSerializer`, which takes the text of all arguments as bytes.
        if !serializer.is_human_readable()
            && let Some(text) = self.0.verbatim()
        {
            return serializer.serialize_bytes(text);
        }
        let mut list = serializer.serialize_seq(None)?;
        let mut reader = self.0.reader();
        while let Some(start) = reader.seek().map_err(S::Error::custom)? {
            let text = self.0.list().get(start..).unwrap_or_default();
            let mut json = serde_json::Deserializer::from_slice(text);
            // Checks the syntax. The depth was checked when the packet came in.
            let value = <&RawValue>::deserialize(&mut json).map_err(S::Error::custom)?;
            let used = json.into_iter::<&RawValue>().byte_offset();
            list.serialize_element(value)?;
            reader.advance(start + used);
        }
        list.end()
    }
}

/// Arguments of a binary packet. Placeholders are serialized as the attachments that they stand for, since the packet that
/// they are written into numbers its attachments anew.
struct BinaryArgs<'a> {
    args: &'a RawArgs,
    attachments: &'a [Bytes],
}

impl Serialize for BinaryArgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = TextCursor {
            text: self.args.json(),
            at: Cell::new(0),
            attachments: self.attachments,
        };
        let mut list = serializer.serialize_seq(None)?;
        while cursor.peek().is_some() {
            list.serialize_element(&ValueAt(&cursor))?;
            match cursor.take() {
                None => break,
                Some(b',') if cursor.peek().is_some() => {}
                _ => return Err(cursor.error()),
            }
        }
        list.end()
    }
}

/// The text, and how far it has been written. Each value moves `at` behind itself, so that the text is read once,
/// whatever its depth.
struct TextCursor<'a> {
    text: &'a [u8],
    at: Cell<usize>,
    attachments: &'a [Bytes],
}

impl TextCursor<'_> {
    /// The next byte that is not white space.
    fn peek(&self) -> Option<u8> {
        self.at.set(json::whitespace(self.text, self.at.get()));
        self.text.get(self.at.get()).copied()
    }

    fn take(&self) -> Option<u8> {
        let byte = self.peek()?;
        self.at.set(self.at.get() + 1);
        Some(byte)
    }

    fn error<E: Error>(&self) -> E {
        E::custom(DecodeError::new(DecodeErrorKind::Json, self.at.get()))
    }
}

/// The value at the cursor.
struct ValueAt<'a>(&'a TextCursor<'a>);

impl Serialize for ValueAt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.peek() {
            Some(b'[') => self.list(serializer),
            Some(b'{') => self.object(serializer),
            _ => self.scalar(serializer),
        }
    }
}

impl ValueAt<'_> {
    fn list<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = self.0;
        cursor.take();
        let mut list = serializer.serialize_seq(None)?;
        if cursor.peek() == Some(b']') {
            cursor.take();
            return list.end();
        }
        loop {
            list.serialize_element(&ValueAt(cursor))?;
            match cursor.take() {
                Some(b',') => {}
                Some(b']') => return list.end(),
                _ => return Err(cursor.error()),
            }
        }
    }

    fn object<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = self.0;
        if let Some((index, end)) =
            json::placeholder(cursor.text, cursor.at.get(), cursor.attachments.len())
        {
            cursor.at.set(end);
            let data = cursor.attachments.get(index);
            return serializer.serialize_bytes(data.map(|data| &data[..]).unwrap_or_default());
        }
        cursor.take();
        let mut map = serializer.serialize_map(None)?;
        if cursor.peek() == Some(b'}') {
            cursor.take();
            return map.end();
        }
        loop {
            if cursor.take() != Some(b'"') {
                return Err(cursor.error());
            }
            let start = cursor.at.get();
            let end = json::string(cursor.text, start).map_err(S::Error::custom)?;
            cursor.at.set(end);
            let key = cursor.text.get(start..end - 1).unwrap_or_default();
            if cursor.take() != Some(b':') {
                return Err(cursor.error());
            }
            map.serialize_entry(&*json::unescape(key), &ValueAt(cursor))?;
            match cursor.take() {
                Some(b',') if cursor.peek() == Some(b'"') => {}
                Some(b'}') => return map.end(),
                _ => return Err(cursor.error()),
            }
        }
    }

    /// Copies its text, since a number that is parsed and written again may change.
    fn scalar<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = self.0;
        let start = cursor.at.get();
        let end =
            json::value(cursor.text, start, 0, &mut json::Unwatched).map_err(S::Error::custom)?;
        cursor.at.set(end);
        let text = cursor.text.get(start..end).unwrap_or_default();
        let value: &RawValue = serde_json::from_slice(text).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}
