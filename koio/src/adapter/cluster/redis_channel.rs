//! The channels of Redis.

use std::sync::Arc;

/// A channel, and how it is subscribed and published to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum RedisChannel {
    Plain(Arc<str>),
    /// Channels by a glob pattern, to which nothing is published.
    Pattern(Arc<str>),
    /// A channel of sharded pub/sub.
    Shard(Arc<str>),
}
