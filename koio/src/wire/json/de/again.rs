//! Reads a value once more that its type has refused.

use std::cell::Cell;

use bytes::Bytes;
use memchr::memchr3;
use serde::de::{DeserializeOwned, Error, IgnoredAny};

use super::wrapper::{Numbers, Scope, WithAttachments};
use crate::wire::json::escapes::mend_surrogates;

/// Reads a value that is JSON and that `T` has refused, if it may be refused only for how it is written: with unpaired
/// surrogates, which serde_json refuses for every type, or with integers such as `1.0`. Returns `None` for any other.
///
/// Types that ask for an integer find it the first time. Those that read what serde has buffered (`flatten`, untagged and
/// internally tagged enums) find it here.
pub(crate) fn read_again<T: DeserializeOwned>(
    json: &[u8],
    attachments: Option<&[Bytes]>,
) -> Option<serde_json::Result<T>> {
    let mended = mend_surrogates(json);
    let text = mended.as_deref().unwrap_or(json);
    let as_written = mended
        .is_some()
        .then(|| read(text, attachments, Numbers::AsWritten));
    if matches!(as_written, Some(Ok(_))) || memchr3(b'.', b'e', b'E', text).is_none() {
        return as_written;
    }
    match read(text, attachments, Numbers::WholeAreIntegers) {
        Ok(value) => Some(Ok(value)),
        // The first error is about what the client wrote.
        Err(_) => as_written,
    }
}

/// From bytes, although the first reading is from text: so that has serde_json's reader of text for itself, and what only one
/// caller has is inlined there (a `Value` of 200 bytes: 13,615 → 13,339 instructions).
fn read<T: DeserializeOwned>(
    json: &[u8],
    attachments: Option<&[Bytes]>,
    numbers: Numbers,
) -> serde_json::Result<T> {
    let failed = Cell::new(false);
    let scope = Scope::new(attachments, &failed).with(numbers);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(WithAttachments::new(&mut deserializer, scope))?;
    let used = deserializer.into_iter::<IgnoredAny>().byte_offset();
    let is_whole = json
        .get(used..)
        .is_some_and(|rest| rest.iter().all(u8::is_ascii_whitespace));
    if used == 0 || failed.get() || is_whole {
        return Ok(value);
    }
    Err(serde_json::Error::custom(
        "the type reads only a part of the value",
    ))
}
