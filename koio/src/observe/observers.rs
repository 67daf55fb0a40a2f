//! All observers of one server.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use super::{
    Counts, Observation, Observer,
    counts::Counters,
    log::{self, Log},
};

/// The observers of one server: its counters, its log, and those that the user added. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Observers(Arc<ObserverList>);

#[derive(Default)]
struct ObserverList {
    counters: Counters,
    log: Log,
    added: OnceLock<Vec<Box<dyn Observer>>>,
}

impl Observers {
    /// Adds the user's observers, once, before the server starts.
    pub(crate) fn add(&self, observers: Vec<Box<dyn Observer>>) {
        if !observers.is_empty() {
            // Fails only at a second start, which is refused elsewhere.
            let _ = self.0.added.set(observers);
        }
    }

    /// Passes the observation to all observers.
    pub(crate) fn notify(&self, observation: &Observation<'_>) {
        self.0.counters.observe(observation);
        self.0.log.observe(observation);
        self.observe_added(observation);
    }

    /// [`notify`](Self::notify) for an observation that the counters and the log ignore. `observation` is called only if the
    /// user added observers: this is on the path of every event.
    #[inline]
    pub(crate) fn notify_added<'a>(&self, observation: impl FnOnce() -> Observation<'a>) {
        if self.0.added.get().is_some() {
            self.observe_added(&observation());
        }
    }

    #[inline(never)]
    fn observe_added(&self, observation: &Observation<'_>) {
        for observer in self.0.added.get().into_iter().flatten() {
            if catch_unwind(AssertUnwindSafe(|| observer.observe(observation))).is_err() {
                log::observer_panicked();
            }
        }
    }

    /// The counters as they stand.
    pub(crate) fn counts(&self) -> Counts {
        self.0.counters.snapshot()
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers")
            .field("counters", &self.0.counters)
            .field("added", &self.0.added.get().map_or(0, Vec::len))
            .finish()
    }
}
