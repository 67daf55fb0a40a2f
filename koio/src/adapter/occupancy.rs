//! Where this node has sockets, told as it changes.

use std::sync::Arc;

/// Is told which namespaces and rooms of this node get their first socket, or lose their last.
///
/// It is called behind the change. Other threads may have changed the same place again by then, and may be told of it first,
/// so a call says where to look and nothing more. A look behind the last call sees how it is.
pub(crate) trait OccupancyWatcher: Send + Sync + 'static {
    /// Whether it is told of rooms. Of namespaces it is told always.
    fn watches_rooms(&self) -> bool;

    /// A place has changed: a room, which may be that of a socket's own id, or the namespace.
    ///
    /// Locks may be held, that of the namespaces among them, so it must neither look there nor wait.
    fn changed(&self, namespace: &Arc<str>, room: Option<&str>);
}
