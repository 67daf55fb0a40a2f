//! What connects the nodes of a cluster.

use std::{
    error::Error,
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};

use super::{inbox::Inbox, message::ClusterMessage, node::NodeId};
use crate::{Result, ids::Room};

/// Carries messages between the servers of a cluster: [`Memory`](super::Memory) within one process, a message broker
/// between several.
///
/// A broker knows nothing of what messages mean: it carries the bytes that [`Message::encode`](super::ClusterMessage::encode) makes of
/// one. Delivery is at most once: a lost message is a gap for the sockets of the nodes that did not get it, and nothing
/// else. The messages of one node on one topic arrive in the order in which it published them.
///
/// No method may block: emits call them.
pub trait Broker: Send + Sync + 'static {
    /// Says what is wrong with how it was set up. Every start asks first. By default nothing is.
    ///
    /// # Errors
    /// The set-up contradicts itself. The server does not start.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Connects to what carries the messages. Resolves when that is done and, for a server that has joined, when what other
    /// nodes publish arrives. [`Io::bind`](crate::Io::bind) and [`Io::listen`](crate::Io::listen) wait for it before the server
    /// joins and behind that, [`Io::connect_cluster`](crate::Io::connect_cluster) before. Other starts don't: a broker connects in
    /// the background then. By default there is nothing to connect to.
    ///
    /// # Errors
    /// It can't be reached. The server does not start.
    fn connect(&self) -> Connecting<'_> {
        Box::pin(ready(Ok(())))
    }

    /// A server joins. From here on `inbox` gets what other nodes publish ([`Inbox::deliver`]), and learns which nodes
    /// there are ([`Inbox::node_up`], [`Inbox::node_down`]). Called within a tokio runtime, once for each server.
    fn join(&self, inbox: Inbox);

    /// Sends a message of node `from` to other nodes. It need not come back to `from`.
    ///
    /// # Errors
    /// The broker can't take the message now, for instance because its queue is full. The message is then dropped and
    /// counted ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)).
    fn publish(
        &self,
        from: &NodeId,
        topic: &Topic,
        message: &ClusterMessage,
    ) -> std::result::Result<(), PublishError>;

    /// Resolves when what other nodes publish for all sockets of the server arrives, in whichever namespaces and rooms they are
    /// at the call. By default it does as soon as the server has joined.
    ///
    /// # Errors
    /// It may not be so. The server goes on.
    fn subscribed(&self) -> Connecting<'_> {
        Box::pin(ready(Ok(())))
    }

    /// A server leaves: it has shut down, or was dropped. Nothing is published by it any more, and its inbox takes
    /// nothing. Called once for each server.
    fn leave(&self, node: &NodeId);

    /// Resolves when the server has left: what it said before is sent, or is lost. A shutdown waits for it, so it may take a
    /// second at most. By default a server has left at once.
    fn left(&self) -> Departing<'_> {
        Box::pin(ready(()))
    }
}

/// The future of [`Broker::left`].
pub type Departing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The future of [`Broker::connect`] and [`Broker::subscribed`].
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Which nodes a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Topic {
    /// All nodes with sockets in a namespace. A broker may send it to all nodes: who it is for also stands in the
    /// message.
    #[non_exhaustive]
    Namespace {
        /// The namespace, with its slash.
        namespace: Arc<str>,
        /// The only room that is meant, if it is a single one.
        room: Option<Room>,
    },
    /// One node.
    Node(NodeId),
}

/// A broker did not take a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishError {
    reason: String,
}

impl PublishError {
    /// With the reason, for logs.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the broker did not take a message: {}", self.reason)
    }
}

impl Error for PublishError {}
