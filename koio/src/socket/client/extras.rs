//! What few clients need.

use std::{sync::Arc, time::Instant};

use crate::socket::socket::Socket;

/// Kept while it differs from its default. Boxed, since most clients have none: 16 bytes less for each idle connection
/// (`counts_idle`).
#[derive(Default, PartialEq)]
pub(super) struct ClientExtras {
    /// Namespaces that the server has disconnected this client from, or refused, whose late packets are dropped. Oldest
    /// first.
    pub(super) left: Vec<Arc<str>>,
    /// Sockets whose CONNECT is undecided, and when it is refused.
    pub(super) undecided: Vec<(Socket, Instant)>,
    /// Reading has stopped for `read_ahead` before: that is observed once for each client.
    pub(super) has_stopped: bool,
}

impl ClientExtras {
    /// Notes that the server has disconnected the client from a namespace, or refused it. At most `limit` are kept, each
    /// once.
    pub(super) fn note_left(&mut self, namespace: &Arc<str>, limit: usize) {
        self.left.retain(|left| left != namespace);
        if self.left.len() >= limit {
            self.left.remove(0);
        }
        self.left.push(Arc::clone(namespace));
    }
}
