//! A broker within one process.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::RwLock;

use super::{
    broker::{Broker, PublishError, Topic},
    inbox::Inbox,
    message::ClusterMessage,
    node::NodeId,
};

/// Joins several servers of one process into a cluster: for tests, and to try what a cluster does. Clones are the same
/// broker.
///
/// Messages are encoded and decoded as between processes.
///
/// ```
/// # use koio::{Io, cluster::Memory};
/// let broker = Memory::new();
/// let one = Io::new().cluster(broker.clone());
/// let two = Io::new().cluster(broker);
/// ```
#[derive(Clone, Default)]
pub struct Memory(Arc<RwLock<BTreeMap<NodeId, Inbox>>>);

impl Memory {
    /// A broker without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Broker for Memory {
    fn join(&self, inbox: Inbox) {
        let mut nodes = self.0.write();
        for (other, its) in nodes.iter() {
            its.node_up(inbox.node().clone());
            inbox.node_up(other.clone());
        }
        nodes.insert(inbox.node().clone(), inbox);
    }

    fn publish(
        &self,
        from: &NodeId,
        topic: &Topic,
        message: &ClusterMessage,
    ) -> Result<(), PublishError> {
        let encoded = message.encode()?;
        let nodes = self.0.read();
        if let Topic::Node(node) = topic {
            if let Some(inbox) = nodes.get(node) {
                deliver(inbox, &encoded);
            }
            return Ok(());
        }
        for (node, inbox) in nodes.iter() {
            if node != from {
                deliver(inbox, &encoded);
            }
        }
        Ok(())
    }

    fn leave(&self, node: &NodeId) {
        let mut nodes = self.0.write();
        nodes.remove(node);
        for inbox in nodes.values() {
            inbox.node_down(node);
        }
    }
}

/// Brings bytes to a node, as they would arrive there from another process.
fn deliver(inbox: &Inbox, encoded: &Bytes) {
    match ClusterMessage::decode(encoded.clone()) {
        Ok(message) => {
            // The node counts the loss, if it lags.
            let _ = inbox.deliver(message);
        }
        Err(error) => inbox.malformed(&error),
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.0.read();
        f.debug_set().entries(nodes.keys()).finish()
    }
}
