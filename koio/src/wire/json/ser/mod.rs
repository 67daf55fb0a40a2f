//! Writing values: a [`JsonSink`] takes their text, and their binary data.

mod key;
mod parts;
mod serializer;
mod string;

pub(in crate::wire) use serializer::{JsonSerializer, JsonSink};
pub(in crate::wire) use string::push_string;
