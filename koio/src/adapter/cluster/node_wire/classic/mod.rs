//! What the classic adapter says.
//!
//! Broadcasts are msgpack: `[uid, packet, opts]`. Requests and answers are JSON, or msgpack where the adapter expects binary
//! data; readers tell by the first byte. Here all that has attachments is msgpack, so that nothing is lost where Node would
//! write `{"type":"Buffer",..}`.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

const ALL_ROOMS: u64 = 1;
const JOIN: u64 = 2;
const LEAVE: u64 = 3;
const DISCONNECT: u64 = 4;
const FETCH: u64 = 5;
const SERVER_SIDE_EMIT: u64 = 6;
const BROADCAST: u64 = 7;
const BROADCAST_CLIENT_COUNT: u64 = 8;
const BROADCAST_ACK: u64 = 9;
