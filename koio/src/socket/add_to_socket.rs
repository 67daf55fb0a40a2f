//! Adding to a socket, and removing again.

use std::sync::Arc;

use super::{
    additions::{AddedKinds, Additions, INCOMING, IncomingAdditions, OUTGOING, replaced},
    error::{closed, too_many_listeners},
    listener_id::ListenerId,
    outgoing::OutgoingObserver,
    socket::Socket,
};
use crate::Result;

impl Socket {
    /// Whether the router has added something.
    #[inline]
    pub(crate) fn has_incoming_additions(&self) -> bool {
        self.added_kinds().has(INCOMING)
    }

    /// Whether there are observers of what is sent.
    #[inline]
    pub(super) fn has_outgoing_observers(&self) -> bool {
        self.added_kinds().has(OUTGOING)
    }

    /// What the router has added.
    pub(crate) fn incoming_additions<T: IncomingAdditions>(&self) -> Option<Arc<T>> {
        if !self.has_incoming_additions() {
            return None;
        }
        let extras = self.extras();
        let incoming = extras.as_ref()?.additions.as_ref()?.incoming.clone();
        drop(extras);
        incoming?.downcast().ok()
    }

    /// Adds for the router. `add` is given `listeners`, the most that a list may have. It runs under the lock of the extras, so
    /// it drops nothing that the program has given.
    ///
    /// # Errors
    /// [Closed](crate::Error::is_closed) if the socket is gone; else those of `add`.
    pub(crate) fn add_incoming<T: IncomingAdditions, R>(
        &self,
        add: impl FnOnce(&mut T, usize) -> Result<R>,
    ) -> Result<R> {
        let limit = self.core().config().listeners;
        self.replace_incoming(true, |additions| add(additions, limit))?
    }

    /// Removes for the router.
    pub(crate) fn remove_incoming<T: IncomingAdditions, R>(
        &self,
        remove: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        if !self.has_incoming_additions() {
            return None;
        }
        self.replace_incoming(false, remove).ok()
    }

    fn replace_incoming<T: IncomingAdditions, R>(
        &self,
        adds: bool,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let (result, _dropped_behind_the_lock) =
            self.with_additions(adds, |additions, kinds| {
                let replaced = replaced(&mut additions.incoming, change);
                kinds.set(INCOMING, additions.incoming.is_some());
                replaced
            })?;
        Ok(result)
    }

    /// Adds an observer of what is sent, before or behind those that are there.
    pub(super) fn add_outgoing(&self, observer: &OutgoingObserver, in_front: bool) -> Result<()> {
        let limit = self.core().config().listeners;
        self.with_additions(true, |additions, kinds| {
            let mut observers = additions.outgoing.to_vec();
            check_room(observers.len(), 1, limit)?;
            let at = if in_front { 0 } else { observers.len() };
            // Lent: one that is refused is dropped by the caller, behind the lock.
            observers.insert(at, observer.clone());
            additions.outgoing = observers.into();
            kinds.set(OUTGOING, true);
            Ok(())
        })?
    }

    /// Removes the observers of what is sent that `which` selects. Returns how many.
    pub(crate) fn remove_outgoing(&self, which: impl Fn(ListenerId) -> bool) -> usize {
        if !self.has_outgoing_observers() {
            return 0;
        }
        let removed = self.with_additions(false, |additions, kinds| {
            let before = Arc::clone(&additions.outgoing);
            let stay = before.iter().filter(|observer| !which(observer.id));
            additions.outgoing = stay.cloned().collect();
            kinds.set(OUTGOING, !additions.outgoing.is_empty());
            (before.len() - additions.outgoing.len(), before)
        });
        removed.map_or(0, |(count, _dropped_behind_the_lock)| count)
    }

    /// The observers of what is sent.
    pub(super) fn outgoing_observers(&self) -> Arc<[OutgoingObserver]> {
        let extras = self.extras();
        let additions = extras.as_ref().and_then(|extras| extras.additions.as_ref());
        additions.map_or_else(Arc::default, |additions| Arc::clone(&additions.outgoing))
    }

    fn with_additions<R>(
        &self,
        adds: bool,
        change: impl FnOnce(&mut Additions, &AddedKinds) -> R,
    ) -> Result<R> {
        let mut extras = self.extras();
        // Under the lock: behind its closing nothing is added that `drop_additions` does not find.
        if adds && self.is_closed() {
            return Err(closed());
        }
        let additions = extras.get_or_insert_default();
        let additions = additions.additions.get_or_insert_default();
        Ok(change(additions, self.added_kinds()))
    }

    /// Its handlers have ended.
    pub(super) fn drop_additions(&self) {
        // Without a look at the kinds: something may be added at this moment.
        let mut extras = self.extras();
        let additions = extras.as_mut().and_then(|extras| extras.additions.take());
        self.added_kinds().set(INCOMING | OUTGOING, false);
        drop(extras);
        drop(additions);
    }
}

/// Whether `more` may be added to those that are `there`.
pub(crate) fn check_room(there: usize, more: usize, limit: usize) -> Result<()> {
    if there.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(too_many_listeners(limit))
}
