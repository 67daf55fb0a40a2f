//! JSON as text: is it JSON, where does a value end, what does a string say.
//!
//! serde_json turns text into values; this part judges text that no type has asked for, and is the
//! only judge of what is a syntax error.

mod placeholder;
mod scan;
mod text;

pub(super) use placeholder::{
    KEY, NUM, Placeholders, count_keys, index, placeholder, usual_placeholder,
};
pub(super) use scan::{
    MAX_DEPTH, Unwatched, document, is_plain, is_shallow, plain, string, value, whitespace,
};
pub(super) use text::{mend_surrogates, unescape};
