//! Bytes to packets and back: Engine.IO 4 and Socket.IO 5, and what Engine.IO 3 and Socket.IO 4 write otherwise.
//!
//! Pure functions and values: no async, no clock, no IO, no logging. Text is carried as [`bytes::Bytes`] that are known
//! to be UTF-8 (checked by the WebSocket reader, or by [`payload::decode`]), so that a packet is cut out of its message
//! without a copy.
//!
//! Inward: [`EnginePacket::decode`] or [`payload::decode`], then [`Assembler::push`], then [`RawArgs::reader`].
//! Outward: [`event`], [`ack`] and their siblings make a [`Frame`].
//!
//! - `websocket_header`: the header of a WebSocket frame.
//! - `deflate`: messages that are compressed by themselves. Knows nothing of frames.
//! - `engineio`: Engine.IO packets, polling payloads, and the frames that go out.
//! - `socketio`: Socket.IO packets: header, event name, attachments; `socketio/args` is the codec of arguments, and
//!   `socketio/packed` the other parser.
//! - `msgpack`: JSON as msgpack, for servers of Node and for clients with that parser; knows nothing of the protocols either.
//! - `json`: JSON as text and as serde values, binary data included. Knows nothing of the protocols.

mod deflate;
mod engineio;
mod error;
mod json;
#[cfg(any(test, feature = "msgpack", feature = "redis"))]
mod msgpack;
mod socketio;
#[cfg(test)]
mod tests;
mod websocket_header;

pub use deflate::PerMessageDeflate;
pub(crate) use deflate::{InflateError, inflate};
#[cfg(test)]
pub(crate) use deflate::{compress, compressed_by_this_thread};
pub(crate) use engineio::{Draft, FrameForms, OpenPlace};
pub use engineio::{EnginePacket, Frame, Message, Part, Parts, Revision, payload, revision_3};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub(crate) use error::{shorten, shortened};
pub use json::Bytes;
pub(crate) use json::read_again;
#[cfg(any(test, feature = "redis"))]
pub(crate) use json::{mend_surrogates, push_string as push_json_string};
#[cfg(any(test, feature = "redis"))]
pub(crate) use msgpack::{Binary, Packer, UnpackError, UnpackErrorKind, date_text, unpack};
#[cfg(any(test, feature = "msgpack"))]
pub(crate) use socketio::PackedPacket;
#[cfg(any(all(fuzzing, feature = "msgpack"), test))]
#[doc(hidden)]
pub use socketio::fuzz_packed;
pub use socketio::{
    ArgError, ArgList, ArgsReader, Assembler, Event, Incoming, MAX_ATTACHMENTS, Packet, PacketKind,
    PacketLimits, Parser, RESERVED_EVENTS, RawArgs, ack, connect, connect_error, disconnect, event,
    is_reserved,
};
pub(crate) use socketio::{
    JsonPacket, PlainEvent, ack_args, ack_draft, connect_error_of_2, connect_of_2, connect_with,
    event_draft, namespace_str,
};
pub use websocket_header::{EncodedHeader, FrameHeader, HeaderError, Opcode};
