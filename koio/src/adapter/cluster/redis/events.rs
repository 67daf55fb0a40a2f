//! What a connection tells its owner.

use bytes::Bytes;

/// Is told what comes, and what becomes of the connection. Called in the connection's tasks, so it must not block.
pub(in crate::adapter::cluster) trait RedisEvents:
    Send + Sync + 'static
{
    /// A message on a channel that is subscribed, in the order of arrival. One that fits several subscriptions comes once
    /// for each; `pattern` is the one, if it is a pattern.
    fn message(&self, channel: Bytes, pattern: Option<Bytes>, payload: Bytes);

    /// All subscriptions are confirmed, and messages can be published: for the first time, or again after
    /// [`down`](Self::down).
    fn up(&self);

    /// The connection that listens is gone or deaf, or can't be opened at first: until [`up`](Self::up), messages are
    /// missed. Not told again for attempts that fail.
    fn down(&self, cause: &str);

    /// Messages that [`publish`](super::RedisConnection::publish) took were not sent, or not confirmed: those that were on
    /// their way when a connection ended may have arrived.
    fn unpublished(&self, messages: u64, cause: &str);
}
