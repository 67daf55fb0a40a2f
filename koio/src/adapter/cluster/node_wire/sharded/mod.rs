//! What the sharded adapter says: the messages of `ClusterAdapter`, as JSON, or as msgpack if there is binary data in them.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

// 1, 2 and 13 are the heartbeats of adapters that do not count subscribers.
const BROADCAST: u64 = 3;
const SOCKETS_JOIN: u64 = 4;
const SOCKETS_LEAVE: u64 = 5;
const DISCONNECT_SOCKETS: u64 = 6;
const FETCH_SOCKETS: u64 = 7;
const FETCH_SOCKETS_RESPONSE: u64 = 8;
const SERVER_SIDE_EMIT: u64 = 9;
const SERVER_SIDE_EMIT_RESPONSE: u64 = 10;
const BROADCAST_CLIENT_COUNT: u64 = 11;
const BROADCAST_ACK: u64 = 12;
