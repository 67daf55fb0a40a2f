//! Several servers as one: emits reach the sockets of other nodes through a broker.
//!
//! [`Cluster`] is the adapter: it delivers on this node first, then publishes a
//! [`ClusterMessage`] through a [`Broker`], and applies what other nodes publish. A broker that no other
//! program listens to carries the bytes of `codec`; Redis' speaks those of Node's adapters.

mod asked_servers;
mod awaited;
mod broker;
#[allow(clippy::module_inception, reason = "the file of `Cluster`")]
mod cluster;
mod codec;
mod inbox;
mod memory;
mod message;
#[cfg(feature = "nats")]
mod nats;
mod node;
#[cfg(any(test, feature = "redis"))]
#[allow(dead_code, unused_imports, reason = "some of it is for its tests")]
#[cfg_attr(
    not(feature = "redis"),
    allow(unreachable_pub, reason = "public with `Redis`")
)]
mod node_wire;
#[cfg(any(feature = "nats", feature = "redis"))]
mod presence;
#[cfg(any(test, feature = "nats", feature = "redis"))]
#[allow(dead_code, reason = "each broker uses a part of it")]
mod publish_queue;
mod receive;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_broker;
#[cfg(any(test, feature = "redis"))]
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "its tests run without Redis")
)]
mod redis_channel;
mod request_id;
mod requests;
mod server_events;

#[cfg(test)]
mod server_side_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unnamed_tests;

pub(crate) use asked_servers::AskedServers;
pub(super) use awaited::AwaitedNodes;
pub use broker::{Broker, Connecting, Departing, PublishError, Topic};
pub(crate) use cluster::Cluster;
pub use codec::MalformedMessage;
pub use inbox::{Inbox, Lagging};
pub use memory::Memory;
pub use message::ClusterMessage;
#[cfg(feature = "nats")]
pub use nats::Nats;
pub use node::NodeId;
#[cfg(feature = "redis")]
pub use node_wire::SubscriptionMode;
#[cfg(all(fuzzing, feature = "redis"))]
pub use node_wire::fuzz_node_wire;
#[cfg(feature = "redis")]
pub use redis_broker::Redis;
