//! What a program adds to one socket while the server runs: listeners and middleware, which only the router knows, and
//! observers of what is sent.
//!
//! All of it is in the socket's extras, behind one byte that says what is there. It goes when the socket's last handler has
//! ended: a closure may hold the socket itself, and they would keep each other.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use super::outgoing::OutgoingObserver;

/// There is something for events that come: the bit of [`AddedKinds`].
pub(super) const INCOMING: u8 = 1;
/// There are observers of what is sent.
pub(super) const OUTGOING: u8 = 1 << 1;

/// What is added to a socket, for the path of each event: one load and one branch.
#[derive(Debug, Default)]
pub(super) struct AddedKinds(AtomicU8);

impl AddedKinds {
    #[inline]
    pub(super) fn has(&self, kind: u8) -> bool {
        // The list itself is read under a lock.
        self.0.load(Ordering::Relaxed) & kind != 0
    }

    pub(super) fn set(&self, kind: u8, is_there: bool) {
        match is_there {
            true => self.0.fetch_or(kind, Ordering::Relaxed),
            false => self.0.fetch_and(!kind, Ordering::Relaxed),
        };
    }
}

/// What was added to one socket. Lists are replaced as a whole: an event or an emit that goes through one keeps it.
#[derive(Default)]
pub(super) struct Additions {
    /// An [`IncomingAdditions`] of the router's.
    pub(super) incoming: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) outgoing: Arc<[OutgoingObserver]>,
}

/// What the router keeps in a socket, and in a namespace.
pub(crate) trait IncomingAdditions: Any + Clone + Default + Send + Sync {
    /// Whether there is nothing left.
    fn is_empty(&self) -> bool;
}

/// Changes a copy of the list in this slot and puts that there. Also returns the list that was there before: the program's
/// closures in it are dropped behind the caller's lock.
pub(super) fn replaced<T: IncomingAdditions, R>(
    slot: &mut Option<Arc<dyn Any + Send + Sync>>,
    change: impl FnOnce(&mut T) -> R,
) -> (R, Option<Arc<dyn Any + Send + Sync>>) {
    let before = slot.take();
    let listed = before.as_ref().and_then(|list| list.downcast_ref::<T>());
    let mut list = listed.cloned().unwrap_or_default();
    let result = change(&mut list);
    *slot = (!list.is_empty()).then(|| Arc::new(list) as _);
    (result, before)
}

impl fmt::Debug for Additions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Additions")
            .field("outgoing", &self.outgoing.len())
            .finish_non_exhaustive()
    }
}
