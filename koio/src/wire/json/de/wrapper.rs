//! The wrapper of serde's deserializers, seeds and accesses. What it does for each is in the files beside this one.

use std::cell::Cell;

use bytes::Bytes;

/// The name under which `serde_json::value::RawValue` asks for the text itself.
pub(super) const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Levels of objects with buffered entries inside each other, beyond which no more are buffered.
///
/// The text of an object that begins like a placeholder is parsed twice. Nested, that would double at each level, which
/// an attacker could use; so below this level only a type that asks for bytes finds an attachment.
const MAX_BUFFERED: u8 = 8;

/// What a number is that has a point or an exponent and no fraction, for a type that asks for anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// A float.
    AsWritten,
    /// An integer, if it fits into 64 bits.
    WholeAreIntegers,
}

/// What all parts of one value share.
#[derive(Clone, Copy)]
pub(in crate::wire) struct Scope<'s> {
    /// `None` where no object is a placeholder.
    pub(super) attachments: Option<&'s [Bytes]>,
    failed: &'s Cell<bool>,
    /// How many objects with buffered entries are around this value.
    buffered: u8,
    pub(super) numbers: Numbers,
}

impl<'s> Scope<'s> {
    /// `failed` becomes true if any part of the value fails, even if its type makes up for that.
    pub(in crate::wire) fn new(attachments: Option<&'s [Bytes]>, failed: &'s Cell<bool>) -> Self {
        Self {
            attachments,
            failed,
            buffered: 0,
            numbers: Numbers::AsWritten,
        }
    }

    pub(super) fn with(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    /// The scope of a value in an object whose entries were buffered.
    pub(super) fn buffered(self) -> Self {
        Self {
            buffered: self.buffered.saturating_add(1),
            ..self
        }
    }

    /// Whether the entries of one more object may be buffered.
    pub(super) fn may_buffer(self) -> bool {
        self.buffered < MAX_BUFFERED
    }

    /// Records a failure, and hands the result on.
    pub(super) fn record<T, E>(self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.failed.set(true);
        }
        result
    }
}

/// A deserializer, a seed for one, or an access, that gives attachments in place of placeholders. Wraps the values nested
/// in it as well.
pub(in crate::wire) struct WithAttachments<'s, D> {
    pub(super) inner: D,
    pub(super) scope: Scope<'s>,
}

impl<'s, D> WithAttachments<'s, D> {
    pub(in crate::wire) fn new(inner: D, scope: Scope<'s>) -> Self {
        Self { inner, scope }
    }
}
