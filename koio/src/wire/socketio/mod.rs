//! Socket.IO packets: their header, the names of events, their attachments, the codec of their arguments, and their other
//! form, msgpack.

mod ack_args;
mod args;
mod assembler;
mod encode;
mod event;
mod event_name;
mod header;
mod json_packet;
mod kind;
mod limits;
#[cfg(any(test, feature = "msgpack"))]
mod packed;
mod packet;
mod parser;
mod plain_event;

pub(crate) use ack_args::ack_args;
pub use args::{ArgError, ArgList, ArgsReader, RawArgs};
pub use assembler::{Assembler, Incoming};
pub use encode::{ack, connect, connect_error, disconnect, event};
pub(crate) use encode::{ack_draft, connect_error_of_2, connect_of_2, connect_with, event_draft};
pub use event::Event;
pub use event_name::{RESERVED_EVENTS, is_reserved};
pub(crate) use header::namespace_str;
pub(crate) use json_packet::JsonPacket;
pub use kind::PacketKind;
#[cfg(test)]
pub(in crate::wire) use limits::PacketBreach;
pub use limits::{MAX_ATTACHMENTS, PacketLimits};
#[cfg(any(test, feature = "msgpack"))]
pub(crate) use packed::PackedPacket;
#[cfg(any(all(fuzzing, feature = "msgpack"), test))]
pub use packed::fuzz_packed;
pub use packet::Packet;
pub use parser::Parser;
pub(crate) use plain_event::PlainEvent;
