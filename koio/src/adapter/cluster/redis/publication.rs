//! What is published.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::{publish_queue::Publication, redis_channel::RedisChannel};

/// One message for one channel.
#[derive(Debug)]
pub(super) struct RedisPublication {
    pub(super) channel: RedisChannel,
    pub(super) payload: Bytes,
    /// Is told whether the server took it, and dropped if that is unknown.
    pub(super) accepted: Option<oneshot::Sender<bool>>,
}

impl Publication for RedisPublication {
    fn size(&self) -> usize {
        self.channel.name().len() + self.payload.len()
    }
}
