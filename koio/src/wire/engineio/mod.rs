//! Engine.IO packets: read from text and from polling payloads, written as WebSocket frames.

mod compressed;
mod control;
mod draft;
mod frame;
mod open_place;
mod packet;
pub mod payload;
mod revision;
pub mod revision_3;

pub(crate) use compressed::FrameForms;
pub(crate) use draft::Draft;
pub(super) use draft::{PacketBuffer, TEXT_START};
pub use frame::{Frame, Part, Parts};
pub(crate) use open_place::OpenPlace;
pub use packet::{EnginePacket, Message};
pub use revision::Revision;
