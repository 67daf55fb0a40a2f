//! The names of nodes.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ids::{NoRandomness, SocketId};

/// What a server is called that has no name.
const UNNAMED: &str = "a server of another kind";

/// The name of one server in a cluster, unique among all that a broker connects. It is drawn at the start.
///
/// Servers of Node that are in the cluster too have no names that others know. Where one of them is meant, the name reads `a
/// server of another kind`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NodeId {
    name: Arc<str>,
    /// Where answers to it go, if it is a server without a name.
    server: Option<Arc<UnnamedServer>>,
}

/// A server that other nodes know by what it sent only.
#[derive(Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct UnnamedServer {
    /// What it calls itself in its messages about one namespace.
    pub(super) uid: Box<str>,
    pub(super) namespace: Arc<str>,
}

impl NodeId {
    /// A node with a name of its own choice, as a broker learns it from elsewhere.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            server: None,
        }
    }

    /// 114 random bits.
    pub(super) fn random() -> Result<Self, NoRandomness> {
        SocketId::random().map(|id| Self::new(id.as_str().get(1..).unwrap_or_default()))
    }

    /// The sender of a message that is no node of koio's.
    pub(super) fn unnamed(server: UnnamedServer) -> Self {
        Self {
            name: UNNAMED.into(),
            server: Some(Arc::new(server)),
        }
    }

    /// A server of which nothing is known but that it did not answer.
    pub(super) fn missing_server() -> Self {
        Self::unnamed(UnnamedServer::default())
    }

    pub(super) fn is_unnamed(&self) -> bool {
        self.server.is_some()
    }

    /// Where answers to it go, if it is a server without a name.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(super) fn server(&self) -> Option<&UnnamedServer> {
        self.server.as_deref()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<String> for NodeId {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> Self {
        node.as_str().to_owned()
    }
}
