//! The broker that a program names.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{
    super::{
        broker::{Broker, Connecting, Departing, PublishError, Topic},
        inbox::Inbox,
        message::ClusterMessage,
        node::NodeId,
        node_wire::SubscriptionMode,
        publish_queue::PublishLimits,
        redis::{RedisConnection, RedisOptions, RedisUnreachable},
        redis_channel::RedisChannel,
    },
    redis_node::RedisNode,
};
use crate::{Error, Result};

/// Joins servers through Redis, by its publish and subscribe: servers of koio's, and servers of Node with
/// `@socket.io/redis-adapter` (8.0 or newer; with its sharded form if this one is [`sharded`](Self::sharded)).
///
/// ```no_run
/// # use koio::{Io, Result, cluster::Redis};
/// # async fn run() -> Result<()> {
/// let redis = Redis::new("redis://127.0.0.1:6379");
/// Io::new().cluster(redis).listen("0.0.0.0:3000").await
/// # }
/// ```
///
/// A server that is [bound](crate::Io::bind) is in the cluster when it accepts its first connection, and does not start without
/// Redis, unless it may [start alone](Self::start_alone). It then knows the servers of koio's that are there, unless one of them takes
/// more than half a second to answer. Later it connects again for ever. While it is alone it serves its own
/// clients; what other nodes publish meanwhile is lost for them, which is logged, counted
/// ([`Counts::cluster_gaps`](crate::observe::Counts::cluster_gaps)) and told by
/// [`IoHandle::alone_since`](crate::IoHandle::alone_since). A connection that hears nothing for 30 s is tried by a message to itself.
///
/// Redis 6 or newer, or what speaks as it does. Without TLS, Redis Cluster and Sentinel. A program that may publish to it may send
/// to every client and move sockets between rooms: nothing is signed.
///
/// # Beside servers of Node
///
/// Emits, `fetch_sockets`, `emit_with_acks`, `sockets_join`, `sockets_leave` and `disconnect_sockets` mean the sockets of both,
/// in namespaces that are declared by their names and, while they have clients here, in those of a pattern. Emits to a whole family of
/// namespaces reach koio's servers only.
///
/// A Node server has no name that other servers know: where it is missing from an answer, it is called `a server of another kind`. Its
/// clients' answers to `emit_with_acks` come without ids, as [`SocketId::UNKNOWN`](crate::SocketId::UNKNOWN). Ids of its sockets
/// do not have the mark that [`SocketId::parse`](crate::SocketId::parse) looks for: `io.to(id)` takes them as text.
///
/// Only the first argument of an answer reaches a Node server, as from its own clients.
///
/// `server_side_emit` and Node's `serverSideEmit` reach the handlers of both, with and without answers. Where koio has no handler,
/// a Node server gets an answer without a value at once: it waits for each server that it counts, and one that is silent would
/// cost it its timeout and make the other answers an error. A handler of koio's that fails gives it none, since Node has no words
/// for that but the timeout. A Node server without a listener is silent, and missing for koio.
pub struct Redis {
    url: String,
    key: String,
    alone: bool,
    is_sharded: bool,
    mode: Option<SubscriptionMode>,
    limits: PublishLimits,
    node: OnceLock<Arc<RedisNode>>,
}

impl Redis {
    /// A Redis by its URL: `redis://[[user]:password@]host[:port][/database]`, or `unix:///path`. What is published reaches
    /// all databases of a Redis.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: "socket.io".to_owned(),
            alone: false,
            is_sharded: false,
            mode: None,
            limits: PublishLimits::default(),
            node: OnceLock::new(),
        }
    }

    /// What the names of all channels begin with: the option `key` of Node's adapter. Default `socket.io`. Servers with
    /// different keys are different clusters. Not empty.
    #[must_use]
    pub fn key(mut self, prefix: impl Into<String>) -> Self {
        self.key = prefix.into();
        self
    }

    /// Starts although Redis can't be reached, and connects in the background; until then the server is
    /// [alone](crate::IoHandle::alone_since).
    #[must_use]
    pub fn start_alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Publishes by sharded channels, as servers of Node with `createShardedAdapter` do, instead of plain ones: a server gets
    /// what is for a single room only while it has sockets in it, or clients that may [come back](crate::Io::recovery) to it. Redis 7 or
    /// newer.
    ///
    /// All servers of a cluster do the same: sharded and plain ones do not hear each other, whatever their
    /// [`key`](Self::key). Which rooms have channels says [`subscription_mode`](Self::subscription_mode).
    ///
    /// A room is subscribed when its first socket here joins it, and `join` does not wait for Redis, as Node's does not. So what another
    /// server sends to that room alone in the moment behind does not reach it; what this server sends does. A handler that can't have
    /// that waits for [`IoHandle::cluster_subscribed`](crate::IoHandle::cluster_subscribed).
    ///
    /// ```
    /// use koio::cluster::{Redis, SubscriptionMode};
    ///
    /// let redis = Redis::new("redis://127.0.0.1:6379").sharded();
    /// // The default is that of Node.
    /// let same = Redis::new("redis://127.0.0.1:6379")
    ///     .sharded()
    ///     .subscription_mode(SubscriptionMode::Dynamic);
    /// ```
    #[must_use]
    pub fn sharded(mut self) -> Self {
        self.is_sharded = true;
        self
    }

    /// Which rooms have channels of their own in a [`sharded`](Self::sharded) cluster: the option `subscriptionMode` of Node's
    /// adapter. Default [`SubscriptionMode::Dynamic`]. The same on all servers of a cluster. Without `sharded` a server does
    /// not start.
    #[must_use]
    pub fn subscription_mode(mut self, mode: SubscriptionMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// How many messages may wait to be published, and how many bytes of them. Default 8,192 and 64 MiB; neither is zero.
    /// What does not fit is lost for the other nodes and counted
    /// ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)).
    #[must_use]
    pub fn publish_queue(mut self, messages: usize, bytes: usize) -> Self {
        self.limits = PublishLimits { messages, bytes };
        self
    }

    fn node(&self) -> &Arc<RedisNode> {
        let sharded = self.is_sharded.then(|| self.mode.unwrap_or_default());
        let node = || Arc::new(RedisNode::new(self.key.clone(), sharded));
        self.node.get_or_init(node)
    }

    fn options(&self) -> Result<RedisOptions> {
        let name = NodeId::random()
            .map_err(|_| Error::setup("the operating system has no randomness to give"))?;
        let probe = format!("{}-koio-probe#{name}#", self.key);
        let probe = match self.is_sharded {
            true => RedisChannel::Shard(probe.into()),
            false => RedisChannel::Plain(probe.into()),
        };
        let mut options = RedisOptions::new(&*self.url, probe);
        options.limits = self.limits;
        Ok(options)
    }

    /// Connects in the background.
    fn connect_later(&self) -> Result<()> {
        let events = Arc::clone(self.node());
        let connection = RedisConnection::start_alone(self.options()?, events).map_err(unusable)?;
        self.node().connected(connection);
        Ok(())
    }

    async fn connect_now(&self) -> Result<()> {
        match self.node().connection() {
            None if self.alone => self.connect_later(),
            None => {
                let events = Arc::clone(self.node());
                let connecting = RedisConnection::connect(self.options()?, events);
                let connection = connecting.await.map_err(unusable)?;
                self.node().connected(connection);
                Ok(())
            }
            Some(connection) if self.node().is_joined() && !self.alone => {
                connection.subscribed().await.map_err(unusable)?;
                self.node().met().await;
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }
}

fn unusable(error: RedisUnreachable) -> Error {
    Error::new("cluster", error.to_string()).hide()
}

impl Broker for Redis {
    fn check(&self) -> Result<()> {
        for (name, value) in [
            ("messages", self.limits.messages),
            ("bytes", self.limits.bytes),
        ] {
            if value == 0 {
                let problem = format!("`publish_queue` of `Redis`: `{name}` is zero");
                return Err(Error::setup(problem));
            }
        }
        if let (Some(mode), false) = (self.mode, self.is_sharded) {
            let problem = format!(
                "`subscription_mode` of `Redis` ({mode:?}) is for `.sharded()`, which was not called"
            );
            return Err(Error::setup(problem));
        }
        if self.key.is_empty() {
            return Err(Error::setup("`key` of `Redis` is empty"));
        }
        RedisConnection::check(&self.url).map_err(|error| Error::setup(error.to_string()))
    }

    fn connect(&self) -> Connecting<'_> {
        Box::pin(self.connect_now())
    }

    fn join(&self, inbox: Inbox) {
        self.node().join(inbox.clone());
        if self.node().connection().is_none() {
            // The URL was checked at the start.
            if let Err(error) = self.connect_later() {
                inbox.alone(&error);
            }
        }
        self.node().subscribe();
    }

    fn publish(
        &self,
        _: &NodeId,
        topic: &Topic,
        message: &ClusterMessage,
    ) -> std::result::Result<(), PublishError> {
        self.node().publish(topic, message)
    }

    fn subscribed(&self) -> Connecting<'_> {
        Box::pin(async { self.node().subscribed().await.map_err(unusable) })
    }

    fn leave(&self, _: &NodeId) {
        self.node().leave();
    }

    fn left(&self) -> Departing<'_> {
        Box::pin(self.node().left())
    }
}

impl Drop for Redis {
    /// A server that has connected and never joined.
    fn drop(&mut self) {
        if let Some(node) = self.node.get() {
            node.leave();
        }
    }
}

impl fmt::Debug for Redis {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_without_sharded_publishing_is_refused_at_the_start() {
        let redis = || Redis::new("redis://127.0.0.1").subscription_mode(SubscriptionMode::Static);
        let error = redis().check().unwrap_err().to_string();
        assert!(
            error.contains("`subscription_mode` of `Redis` (Static) is for `.sharded()`"),
            "{error}"
        );
        assert!(redis().sharded().check().is_ok());
    }
}
