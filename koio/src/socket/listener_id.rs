//! [`ListenerId`]: the name of something that was added to a socket or a namespace.

use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};

/// Names what was added to one socket or namespace: a listener, a middleware or an observer. [`Socket::off`](crate::Socket::off)
/// or [`IoHandle::off`](crate::IoHandle::off) removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(NonZeroU64);

impl ListenerId {
    /// One that no other bears, of any server.
    pub(crate) fn fresh() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let last = LAST.fetch_add(1, Ordering::Relaxed);
        Self(NonZeroU64::MIN.saturating_add(last))
    }
}
