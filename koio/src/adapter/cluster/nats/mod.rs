//! NATS as the broker of a cluster.
//!
//! Two subjects for each node: one that all nodes hear, one that only this node hears. Who is there is told by
//! [`presence`](super::presence), since NATS counts no subscribers. The crate `async-nats` connects again and subscribes
//! anew by itself; a node's own heartbeats, which come back to it, show that it does.

mod builder;
mod nats_node;
mod nats_servers;

pub use builder::Nats;
