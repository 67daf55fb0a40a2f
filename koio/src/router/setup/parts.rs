//! What both the set-up and its checks use.

use std::{
    any::{Any, TypeId, type_name},
    panic::Location,
    sync::Arc,
};

/// The namespace of clients that name none. It always exists.
pub(crate) const ROOT: &str = "/";

/// A value given to [`Io::state`](crate::Io::state), and the location of that call.
pub(crate) struct StateValue {
    pub(crate) id: TypeId,
    pub(crate) type_name: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) value: Arc<dyn Any + Send + Sync>,
}

impl StateValue {
    #[track_caller]
    pub(crate) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self {
            id: TypeId::of::<T>(),
            type_name: type_name::<T>(),
            location: Location::caller(),
            value: Arc::new(value),
        }
    }
}

/// A number given to `concurrency`, and the location of that call. Checked at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenConcurrency {
    pub(crate) events: usize,
    pub(crate) location: &'static Location<'static>,
}

impl GivenConcurrency {
    #[track_caller]
    pub(crate) fn new(events: usize) -> Self {
        Self {
            events,
            location: Location::caller(),
        }
    }
}
