//! What the servers of Node say to each other over Redis: `@socket.io/redis-adapter` 8, its sharded form, and
//! `@socket.io/redis-emitter` 5. Pure: bytes to values and back.
//!
//! [`NodeWire`] is the codec of one server; [`NodeMessage`] is what both adapters say, in their words. What only one of
//! them knows is in `classic` and `sharded`. `fields` are the keys of their messages, read in any order and with any
//! others between them; `writer` writes them in Node's order, as JSON or as msgpack.
//!
//! A program that may publish to Redis may write anything here. So every decoder is bounded by the length of its input, and
//! answers what it can't read with a [`NodeWireError`].

mod channels;
mod classic;
mod error;
mod fields;
#[cfg(fuzzing)]
mod fuzzing;
mod handshake;
mod message;
mod names;
mod node_codec;
mod sharded;
#[cfg(test)]
mod tests;
mod writer;

pub(in crate::adapter::cluster) use error::NodeWireError;
#[cfg(fuzzing)]
pub use fuzzing::fuzz_node_wire;
pub(in crate::adapter::cluster) use message::{
    NodeIncoming, NodeMessage, NodeOpts, NodeOutgoing, NodeSocket,
};
pub use names::SubscriptionMode;
pub(in crate::adapter::cluster) use node_codec::NodeWire;
