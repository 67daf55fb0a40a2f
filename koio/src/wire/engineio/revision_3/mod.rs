//! What revision 3 of Engine.IO writes otherwise than 4.
//!
//! - A binary message begins with a byte 4, its type; as base64 it is text, `b4` and the data.
//! - A payload has the length of each packet before it: `<length>:<packet>` in text, where the length counts UTF-16 code
//!   units; or bytes throughout, if one of its packets is binary, or is text beyond ASCII for a client that takes bytes.
//!
//! Text over WebSocket is the same in both.

mod cut;
mod frame;
mod payload;

pub(super) use cut::{Cut, cut_binary, cut_text};
pub use payload::encode;
