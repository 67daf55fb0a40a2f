//! The times by which a client must have done something.

use std::time::Instant;

/// When a client has broken the protocol by doing nothing.
pub(super) struct ClientDeadlines {
    /// Until when it must have connected to a namespace.
    pub(super) connect: Option<Instant>,
    /// Until when the attachments of a binary packet must have come.
    pub(super) attachments: Option<Instant>,
}

impl ClientDeadlines {
    /// A time that the clock can't represent never comes.
    pub(super) fn new(connect: Option<Instant>) -> Self {
        Self {
            connect,
            attachments: None,
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        [self.connect, self.attachments].into_iter().flatten().min()
    }

    pub(super) fn attachments_done(&mut self) {
        self.attachments = None;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(None);
    }
}
