//! What stands between serde_json and the types that read values.
//!
//! It lets values through as they are, at any depth, but for two things. A JSON string is not binary data, although
//! serde_json would hand out its bytes. And where there are attachments, a placeholder is read as its attachment: by a
//! type that asks for bytes or for anything, and by no type that asks for a map or a struct.

mod access;
mod buffered_map;
mod deserializer;
mod fast;
mod first_entries;
mod key;
mod visitor;
mod wrapper;

pub(in crate::wire) use fast::read_fast;
pub(in crate::wire) use wrapper::{Scope, WithAttachments};
