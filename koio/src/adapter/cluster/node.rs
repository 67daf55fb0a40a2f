//! The names of nodes.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ids::{NoRandomness, SocketId};

/// The name of one server in a cluster, unique among all that a broker connects. It is drawn at the start.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// A node with a name of its own choice, as a broker learns it from elsewhere.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// 114 random bits.
    pub(super) fn random() -> Result<Self, NoRandomness> {
        SocketId::random().map(|id| Self(id.as_str().get(1..).unwrap_or_default().into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for NodeId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> Self {
        node.as_str().to_owned()
    }
}
