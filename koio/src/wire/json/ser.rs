//! Writing values: serde_json writes the text, and a [`BinarySink`] takes binary data.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Takes the binary data of a value.
pub(in crate::wire) trait BinarySink {
    /// Takes one piece of binary data. Returns its number, which is below 10.
    fn push(&mut self, data: &[u8]) -> io::Result<u8>;
}

/// serde_json's serializer, which puts a placeholder into the text for each piece of binary data.
pub(in crate::wire) type JsonSerializer<'a> =
    serde_json::Serializer<&'a mut Vec<u8>, BinaryFormatter<'a>>;

/// A serializer that appends to `text`, and to `binaries`.
pub(in crate::wire) fn json_serializer<'a>(
    text: &'a mut Vec<u8>,
    binaries: &'a mut dyn BinarySink,
) -> JsonSerializer<'a> {
    serde_json::Serializer::with_formatter(text, BinaryFormatter(binaries))
}

/// Writes compact JSON, and binary data as placeholders.
pub(in crate::wire) struct BinaryFormatter<'a>(&'a mut dyn BinarySink);

impl Formatter for BinaryFormatter<'_> {
    fn write_byte_array<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        let num = self.0.push(value)?;
        debug_assert!(num < 10, "one digit");
        writer.write_all(br#"{"_placeholder":true,"num":"#)?;
        writer.write_all(&[b'0' + num, b'}'])
    }
}
