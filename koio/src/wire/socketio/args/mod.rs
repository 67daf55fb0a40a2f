//! The codec of arguments: the data of a packet behind its header, which is a JSON list.
//!
//! Only this folder and `json` read and write it. The parser `packed` turns it into msgpack, and msgpack into it.

mod error;
mod list;
mod raw_args;
mod reader;
mod relay;
mod serializer;
mod validate;

pub use error::ArgError;
pub use list::ArgList;
pub use raw_args::RawArgs;
pub(super) use raw_args::{Attachments, detach_attachment};
pub use reader::ArgsReader;
pub(super) use serializer::write_args;
pub(super) use validate::{check_data_shape, validate_data};
