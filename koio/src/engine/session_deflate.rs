//! [`SessionDeflate`]: whether the client of a session takes compressed messages.

#[cfg(any(test, feature = "compression"))]
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::PerMessageDeflate;

/// Whether the client of a session takes compressed messages, and how its server makes them. Set by the session's task when
/// the session gets a transport that has agreed on it, and never taken back: no session leaves a WebSocket.
#[derive(Debug, Default)]
pub(super) struct SessionDeflate {
    /// The settings, or 0.
    #[cfg(any(test, feature = "compression"))]
    word: AtomicU64,
}

#[cfg(any(test, feature = "compression"))]
impl SessionDeflate {
    #[inline]
    pub(super) fn get(&self) -> Option<PerMessageDeflate> {
        PerMessageDeflate::from_word(self.word.load(Ordering::Acquire))
    }

    /// Who sees the settings sees the transport that was set before: a poll of the old one can't take a compressed frame.
    pub(super) fn set(&self, settings: PerMessageDeflate) {
        self.word.store(settings.to_word(), Ordering::Release);
    }
}

#[cfg(not(any(test, feature = "compression")))]
impl SessionDeflate {
    #[allow(
        clippy::unused_self,
        reason = "the method of the other configuration has one"
    )]
    pub(super) const fn get(&self) -> Option<PerMessageDeflate> {
        None
    }

    pub(super) const fn set(&self, _: PerMessageDeflate) {}
}
