//! Bytes to packets and back: Engine.IO 4 and Socket.IO 5 as they travel.
//!
//! Pure functions and values: no async, no clock, no IO, no logging. Text is carried as
//! [`bytes::Bytes`] that whoever read it from the network has found to be UTF-8 (the WebSocket
//! reader, or [`payload::decode`]), so that a packet is cut out of its message without a copy.
//!
//! Inward: [`EnginePacket::decode`] or [`payload::decode`], then [`Assembler::push`], then
//! [`RawArgs::reader`]. Outward: [`event`], [`ack`] and their siblings make a [`Frame`].

mod args;
mod assembler;
mod binary;
mod de;
mod draft;
mod encode;
mod engine;
mod error;
mod frame;
mod json;
mod name;
mod packet;
pub mod payload;
mod reader;
mod relay;
mod ser;
#[cfg(test)]
mod tests;
mod websocket_header;

pub use args::RawArgs;
pub use assembler::{Assembler, Event, Incoming};
pub use binary::Bytes;
pub(crate) use draft::Draft;
pub use encode::{MAX_ATTACHMENTS, ack, connect, connect_error, disconnect, event};
pub(crate) use encode::{ack_draft, event_draft};
pub use engine::{EnginePacket, Message};
pub(crate) use error::shorten;
pub use error::{ArgError, DecodeError, DecodeErrorKind, EncodeError};
pub use frame::{Frame, Part, Parts};
pub use name::is_reserved;
pub(crate) use packet::namespace;
pub use packet::{Packet, PacketKind, PacketLimits};
pub use reader::ArgsReader;
pub use ser::ArgList;
pub use websocket_header::{EncodedHeader, FrameHeader, HeaderError, Opcode};
