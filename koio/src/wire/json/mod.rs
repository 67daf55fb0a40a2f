//! JSON: as text (validation, the end of a value, the escapes of a string), and as serde values with binary data.
//!
//! serde_json turns text into values. `scan` validates text that no type reads, and alone decides what is a syntax error.
//! Binary data is not in the text: an object, the *placeholder*, stands for it there ([`Placeholders`]).

mod bytes;
mod de;
mod escapes;
mod placeholder;
mod scan;
mod ser;
mod string;

pub use self::bytes::Bytes;
pub(crate) use self::de::read_again;
#[cfg(any(test, feature = "redis"))]
pub(crate) use self::escapes::mend_surrogates;
#[cfg(any(test, feature = "msgpack", feature = "redis"))]
pub(super) use self::scan::Watch;
pub(crate) use self::ser::push_string;
pub(super) use self::{
    de::{Scope, WithAttachments, read_fast},
    escapes::unescape,
    placeholder::{Placeholders, count_keys, placeholder},
    scan::{MAX_DEPTH, Unwatched, document, is_shallow, value},
    ser::{JsonSerializer, JsonSink},
    string::{plain, string, whitespace},
};
