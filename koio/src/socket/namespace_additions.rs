//! What a program adds to a whole namespace while the server runs, for the router.
//!
//! It is shared by the namespace's handlers, which belong to the service, and by the names of the declared namespaces, which
//! handles reach. A closure may hold a handle, and they would keep each other: so it is emptied when the handlers are dropped,
//! and at the end of a shutdown.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use super::additions::{IncomingAdditions, replaced};
use crate::{Error, Result};

/// What was added to one namespace, or to all that a pattern matches.
#[derive(Default)]
pub(crate) struct NamespaceAdditions {
    /// Whether there is anything, for the path of each event: one load and one branch.
    is_used: AtomicBool,
    list: Mutex<NamespaceList>,
}

#[derive(Default)]
struct NamespaceList {
    /// An [`IncomingAdditions`] of the router's. Replaced as a whole: an event that goes through one keeps it.
    incoming: Option<Arc<dyn Any + Send + Sync>>,
    /// Whether the server has ended.
    is_over: bool,
}

impl NamespaceAdditions {
    /// Whether there is anything.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        // The list itself is read under its lock.
        self.is_used.load(Ordering::Relaxed)
    }

    /// What there is.
    pub(crate) fn listed<T: IncomingAdditions>(&self) -> Option<Arc<T>> {
        if !self.is_used() {
            return None;
        }
        let list = self.list.lock().incoming.clone();
        list?.downcast().ok()
    }

    /// Adds something. `add` runs under the lock, so it drops nothing that the program has given.
    ///
    /// # Errors
    /// [Closed](Error::is_closed) if the server has ended; else those of `add`.
    pub(crate) fn add<T: IncomingAdditions, R>(
        &self,
        add: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        self.replace(true, add)?
    }

    /// Removes something.
    pub(crate) fn remove<T: IncomingAdditions, R>(
        &self,
        remove: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        if !self.is_used() {
            return None;
        }
        self.replace(false, remove).ok()
    }

    fn replace<T: IncomingAdditions, R>(
        &self,
        adds: bool,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let mut list = self.list.lock();
        if adds && list.is_over {
            return Err(Error::closed());
        }
        let (result, before) = replaced(&mut list.incoming, change);
        self.is_used
            .store(list.incoming.is_some(), Ordering::Relaxed);
        drop(list);
        // Closures of the program may be in it.
        drop(before);
        Ok(result)
    }

    /// The server has ended: drops everything, and takes nothing more.
    pub(crate) fn end(&self) {
        let mut list = self.list.lock();
        list.is_over = true;
        let before = list.incoming.take();
        self.is_used.store(false, Ordering::Relaxed);
        drop(list);
        drop(before);
    }
}

impl fmt::Debug for NamespaceAdditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamespaceAdditions")
            .field("is_used", &self.is_used())
            .finish_non_exhaustive()
    }
}
