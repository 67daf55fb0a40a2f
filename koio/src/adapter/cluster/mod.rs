//! Several servers as one: emits reach the sockets of other nodes through a broker.
//!
//! [`Cluster`] is the adapter: it delivers on this node first, then publishes a
//! [`ClusterMessage`](message::ClusterMessage) through a [`Broker`], and applies what other nodes publish. Messages are
//! encoded by `codec`; another codec (Redis') can take its place without a change to the rest.

mod broker;
#[allow(clippy::module_inception, reason = "the file of `Cluster`")]
mod cluster;
mod codec;
mod inbox;
mod memory;
mod message;
mod node;
mod receive;
mod requests;

#[cfg(test)]
mod tests;

pub use broker::{Broker, PublishError, Topic};
pub(crate) use cluster::Cluster;
pub use inbox::{Inbox, Lagging};
pub use memory::Memory;
pub use node::NodeId;
