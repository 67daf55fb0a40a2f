//! [`WithAttachments`]: a wrapper between serde_json's deserializers and the types that read values.
//!
//! It passes on values as they are, at any depth, with three exceptions. `1.0` is an integer where one is wanted. A JSON
//! string is not binary data, although serde_json would hand out its bytes. And where there are attachments, a placeholder
//! is read as its attachment: by a type that asks for bytes or for anything, and by no type that asks for a map or a struct.

mod access;
mod again;
mod buffered_map;
mod deserializer;
mod fast;
mod first_entries;
mod integers;
mod key;
mod visitor;
mod wrapper;

pub(crate) use again::read_again;
pub(in crate::wire) use fast::read_fast;
pub(in crate::wire) use wrapper::{Scope, WithAttachments};
