//! Socket.IO packets: their header, the names of events, their attachments, and the codec of their arguments.

mod args;
mod assembler;
mod encode;
mod event;
mod event_name;
mod header;
mod kind;
mod limits;
mod packet;

pub use args::{ArgError, ArgList, ArgsReader, RawArgs};
pub use assembler::{Assembler, Incoming};
pub use encode::{ack, connect, connect_error, disconnect, event};
pub(crate) use encode::{ack_draft, connect_with, event_draft};
pub use event::Event;
pub use event_name::{RESERVED_EVENTS, is_reserved};
pub(crate) use header::namespace_str;
pub use kind::PacketKind;
#[cfg(test)]
pub(in crate::wire) use limits::PacketBreach;
pub use limits::{MAX_ATTACHMENTS, PacketLimits};
pub use packet::Packet;
