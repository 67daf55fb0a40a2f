//! The writers of values: the types. What they write is in the files beside this one.

use super::string::push_string;

/// Where values are written to.
pub(in crate::wire) trait JsonSink {
    /// The text, to which JSON is appended.
    fn text(&mut self) -> &mut Vec<u8>;

    /// Takes one piece of binary data. Returns its number, which is below 10, or `None` if it takes no more.
    fn push_binary(&mut self, data: &[u8]) -> Option<u8>;
}

/// Writes one value: the text that serde_json writes, and placeholders in it for binary data.
pub(in crate::wire) struct JsonSerializer<'a, S>(pub(super) &'a mut S);

impl<'a, S: JsonSink> JsonSerializer<'a, S> {
    #[inline]
    pub(in crate::wire) fn new(sink: &'a mut S) -> Self {
        Self(sink)
    }

    /// Begins the object of an enum's variant, whose value comes next.
    pub(super) fn variant(&mut self, variant: &str) {
        let text = self.0.text();
        text.push(b'{');
        push_string(text, variant);
        text.push(b':');
    }
}

/// Writes the parts of a list, a map or a struct.
pub(in crate::wire) struct JsonParts<'a, S> {
    pub(super) sink: &'a mut S,
    /// Whether a comma must come before the next part.
    pub(super) comma: bool,
    pub(super) end: End,
}

/// How a value with parts ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    List,
    Map,
    /// A list inside the object of an enum's variant.
    ListVariant,
    /// A map inside the object of an enum's variant.
    MapVariant,
    /// A struct of serde_json's own, of this name: its only field is text that is written as it is.
    Raw(&'static str),
}

impl<'a, S: JsonSink> JsonParts<'a, S> {
    #[inline]
    pub(super) fn begin(sink: &'a mut S, bracket: u8, end: End) -> Self {
        sink.text().push(bracket);
        Self {
            sink,
            comma: false,
            end,
        }
    }

    pub(super) fn raw(sink: &'a mut S, name: &'static str) -> Self {
        Self {
            sink,
            comma: false,
            end: End::Raw(name),
        }
    }
}
