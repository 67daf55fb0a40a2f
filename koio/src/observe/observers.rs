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

/// The observers of one server: its counters, its log, and those that the user added. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Observers(Arc<Everyone>);

#[derive(Default)]
struct Everyone {
    counters: Counters,
    added: OnceLock<Vec<Box<dyn Observer>>>,
}

impl Observers {
    /// Adds the user's observers, once, before the server starts.
    pub(crate) fn add(&self, observers: Vec<Box<dyn Observer>>) {
        if !observers.is_empty() {
            // A second start is refused elsewhere, and would bring the same ones.
            let _ = self.0.added.set(observers);
        }
    }

    /// Tells all of them.
    pub(crate) fn notify(&self, observation: &Observation<'_>) {
        self.0.counters.observe(observation);
        Log.observe(observation);
        self.tell_added(observation);
    }

    /// Tells the user's observers of something that the counters and the log ignore, and makes the observation only if there
    /// are any: for the path of every event.
    #[inline]
    pub(crate) fn notify_added<'a>(&self, observation: impl FnOnce() -> Observation<'a>) {
        if self.0.added.get().is_some() {
            self.tell_added(&observation());
        }
    }

    #[inline(never)]
    fn tell_added(&self, observation: &Observation<'_>) {
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
