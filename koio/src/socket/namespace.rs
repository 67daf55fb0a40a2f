//! The namespaces of a running server, on this node.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};

use super::{
    follower::Followers,
    recovery::{NamespaceLog, ServerRecovery},
};
use crate::{
    adapter::{Destination, OccupancyWatcher, Recipient, Rooms},
    ids::Pattern,
    observe::{Observation, Observers},
    wire::Parser,
};

/// One namespace while it has sockets.
///
/// `M` is [`Socket`](super::Socket), as a parameter, so that this file need not import that one, which imports this.
#[derive(Debug)]
pub(crate) struct LiveNamespace<M> {
    pub(super) name: Arc<str>,
    pub(super) rooms: Rooms<M>,
    /// The clients of event streams, once there was one.
    pub(super) followers: OnceLock<Box<Followers>>,
    last_ack: AtomicU64,
    /// The order of its events, and those that clients may come back for. `None` without recovery.
    pub(super) log: Option<Box<Mutex<NamespaceLog>>>,
}

impl<M> LiveNamespace<M> {
    fn new(name: Arc<str>, rooms: Rooms<M>, log: Option<NamespaceLog>) -> Self {
        Self {
            name,
            rooms,
            followers: OnceLock::new(),
            last_ack: AtomicU64::new(0),
            log: log.map(|log| Box::new(Mutex::new(log))),
        }
    }

    /// Whether a session of it waits for its client, or somebody follows it.
    fn is_awaited(&self) -> bool {
        let followers = self.followers.get();
        let log = self.log.as_ref();
        followers.is_some_and(|followers| !followers.is_empty())
            || log.is_some_and(|log| log.lock().is_kept())
    }

    /// A fresh ack id. One counter for the namespace, as in the reference.
    pub(super) fn next_ack(&self) -> u64 {
        self.last_ack.fetch_add(1, Ordering::Relaxed)
    }
}

/// The sockets of this node, by namespace, and the observers of the server.
pub(crate) struct LocalNode<M> {
    /// `/`, which is never removed.
    pub(super) root: Arc<str>,
    namespaces: RwLock<HashMap<Arc<str>, Arc<LiveNamespace<M>>>>,
    pub(crate) observers: Observers,
    /// Set at the start, if clients may come back.
    pub(super) recovery: OnceLock<ServerRecovery<M, LiveNamespace<M>>>,
    /// Set at the start, if other nodes depend on where this one has sockets.
    pub(super) watcher: OnceLock<Arc<dyn OccupancyWatcher>>,
    /// Set at the start, unless it is the default one.
    pub(super) other_parser: OnceLock<Parser>,
}

impl<M> LocalNode<M> {
    pub(super) fn new() -> Self {
        Self {
            root: "/".into(),
            namespaces: RwLock::default(),
            observers: Observers::default(),
            recovery: OnceLock::new(),
            watcher: OnceLock::new(),
            other_parser: OnceLock::new(),
        }
    }

    /// What packets look like on the wire.
    #[inline]
    pub(super) fn parser(&self) -> Parser {
        if cfg!(any(test, feature = "msgpack")) {
            return self.other_parser.get().copied().unwrap_or_default();
        }
        Parser::Json
    }

    /// The namespace, if it has a socket on this node (`/`: if it ever had one).
    pub(super) fn find(&self, name: &str) -> Option<Arc<LiveNamespace<M>>> {
        self.namespaces.read().get(name).cloned()
    }

    /// The namespaces that a destination means, as far as they have a socket on this node.
    pub(super) fn meant(
        &self,
        to: Destination<'_>,
    ) -> impl Iterator<Item = Arc<LiveNamespace<M>>> + use<M> {
        // Without a family the vector is empty, and allocates nothing.
        let (one, family) = match to.family {
            None => (self.find(to.namespace), Vec::new()),
            Some(pattern) => (None, self.family(pattern)),
        };
        one.into_iter().chain(family)
    }

    /// The namespaces of a family that have a socket on this node.
    pub(super) fn family(&self, pattern: &Pattern) -> Vec<Arc<LiveNamespace<M>>> {
        let namespaces = self.namespaces.read();
        let matching = namespaces.iter().filter(|(name, _)| pattern.matches(name));
        matching
            .map(|(_, namespace)| Arc::clone(namespace))
            .collect()
    }

    /// The namespaces themselves.
    pub(super) fn all(&self) -> Vec<Arc<LiveNamespace<M>>> {
        self.namespaces.read().values().cloned().collect()
    }

    /// The namespaces that have a socket on this node, in no order.
    pub(super) fn live(&self) -> Vec<Arc<str>> {
        self.namespaces.read().keys().cloned().collect()
    }

    /// A namespace has got its first socket, or has lost its last. Without the lock.
    fn changed(&self, namespace: &Arc<str>) {
        if let Some(watcher) = self.watcher.get() {
            watcher.changed(namespace, None);
        }
    }

    /// Runs `add`, which makes a socket a member, with the namespace. The first socket creates it. The caller has
    /// checked that clients may connect to it.
    ///
    /// `add` runs under the lock, so that [`leave`](Self::leave) can't remove the namespace before the socket is in it.
    pub(super) fn enter<T>(&self, name: &str, add: impl FnOnce(Arc<LiveNamespace<M>>) -> T) -> T {
        let namespaces = self.namespaces.read();
        if let Some(namespace) = namespaces.get(name) {
            return add(Arc::clone(namespace));
        }
        drop(namespaces);
        let mut namespaces = self.namespaces.write();
        let name: Arc<str> = name.into();
        let mut is_new = false;
        let namespace = namespaces.entry(Arc::clone(&name)).or_insert_with(|| {
            is_new = true;
            let log = self.recovery.get().map(ServerRecovery::new_log);
            let rooms = match self.watcher.get() {
                Some(watcher) => Rooms::watched(&name, watcher),
                None => Rooms::default(),
            };
            Arc::new(LiveNamespace::new(Arc::clone(&name), rooms, log))
        });
        let added = add(Arc::clone(namespace));
        drop(namespaces);
        if is_new {
            self.changed(&name);
            let namespace = &name;
            self.observers
                .notify_added(|| Observation::NamespaceCreated { namespace });
        }
        added
    }
}

impl<M: Recipient> LocalNode<M> {
    /// A socket has left. Removes the namespace if it was the last one: patterned namespaces are named by clients, so
    /// there may be any number.
    pub(super) fn leave(&self, namespace: &LiveNamespace<M>) {
        if namespace.name == self.root || !namespace.rooms.is_empty() || namespace.is_awaited() {
            return;
        }
        let mut namespaces = self.namespaces.write();
        // Another socket may have entered it meanwhile.
        if namespaces
            .get(&namespace.name)
            .is_some_and(|live| live.rooms.is_empty() && !live.is_awaited())
        {
            namespaces.remove(&namespace.name);
            drop(namespaces);
            self.changed(&namespace.name);
            let namespace = &namespace.name;
            self.observers
                .notify_added(|| Observation::NamespaceRemoved { namespace });
        }
    }
}
