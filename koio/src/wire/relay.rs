//! Arguments that came in and go out again.

use std::cell::Cell;

use bytes::Bytes;
use serde::de::Deserialize;
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::json;
use super::ser::ARGS;
use super::{DecodeError, DecodeErrorKind, RawArgs};

impl Serialize for RawArgs {
    /// As the arguments of an event they are as many as came in; inside of a value, a list of them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.binaries() {
            Some(attachments) => serializer.serialize_newtype_struct(
                ARGS,
                &Binary {
                    args: self,
                    attachments,
                },
            ),
            None => serializer.serialize_newtype_struct(ARGS, &Plain(self)),
        }
    }
}

/// Arguments without binaries: each is passed on as the text that it is, or, to a [`Spread`](super::ser::Spread), all
/// of them at once.
struct Plain<'a>(&'a RawArgs);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_tight() && !serializer.is_human_readable() {
            return serializer.serialize_bytes(self.0.json());
        }
        let mut list = serializer.serialize_seq(None)?;
        let mut reader = self.0.reader();
        while let Some(start) = reader.seek().map_err(S::Error::custom)? {
            let text = self.0.data().get(start..).unwrap_or_default();
            let mut json = serde_json::Deserializer::from_slice(text);
            // This checks the syntax; the depth was checked when the packet came in.
            let value = <&RawValue>::deserialize(&mut json).map_err(S::Error::custom)?;
            let used = json.into_iter::<&RawValue>().byte_offset();
            list.serialize_element(value)?;
            reader.advance(start + used);
        }
        list.end()
    }
}

/// Arguments of a binary packet: placeholders become the attachments again, so that whatever
/// they are written into can count them anew.
struct Binary<'a> {
    args: &'a RawArgs,
    attachments: &'a [Bytes],
}

impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = Cursor {
            text: self.args.json(),
            at: Cell::new(0),
            attachments: self.attachments,
        };
        let mut list = serializer.serialize_seq(None)?;
        while cursor.peek().is_some() {
            list.serialize_element(&Node(&cursor))?;
            match cursor.take() {
                None => break,
                Some(b',') if cursor.peek().is_some() => {}
                _ => return Err(cursor.error()),
            }
        }
        list.end()
    }
}

/// Where in the text the writing is. Each value moves it behind itself, so that nested values are
/// walked once however deep they are.
struct Cursor<'a> {
    text: &'a [u8],
    at: Cell<usize>,
    attachments: &'a [Bytes],
}

impl Cursor<'_> {
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
struct Node<'a>(&'a Cursor<'a>);

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.peek() {
            Some(b'[') => self.list(serializer),
            Some(b'{') => self.object(serializer),
            _ => self.scalar(serializer),
        }
    }
}

impl Node<'_> {
    fn list<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cursor = self.0;
        cursor.take();
        let mut list = serializer.serialize_seq(None)?;
        if cursor.peek() == Some(b']') {
            cursor.take();
            return list.end();
        }
        loop {
            list.serialize_element(&Node(cursor))?;
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
            map.serialize_entry(&*json::unescape(key), &Node(cursor))?;
            match cursor.take() {
                Some(b',') if cursor.peek() == Some(b'"') => {}
                Some(b'}') => return map.end(),
                _ => return Err(cursor.error()),
            }
        }
    }

    /// As it was written, for a number read and written again may be another.
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
