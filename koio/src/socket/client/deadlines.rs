//! The deadlines of a client.

use std::time::Instant;

/// Times after which a client that has not sent what is due breaks the protocol. `None`: no deadline.
pub(super) struct ClientDeadlines {
    /// For a namespace to be connected to, while there is none.
    pub(super) connect: Option<Instant>,
    /// For the attachments of a binary packet.
    pub(super) attachments: Option<Instant>,
}

impl ClientDeadlines {
    /// `connect` is `None` if the clock can't represent that time.
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
