//! Writing values: a [`JsonSink`] takes their text, and their binary data.

mod key;
mod parts;
mod serializer;
mod string;
mod writer;

pub(crate) use string::push_string;
pub(in crate::wire) use writer::{JsonSerializer, JsonSink};
