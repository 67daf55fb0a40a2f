//! The deadline of a client.

use std::time::Instant;

use crate::time::PUNCTUAL;

/// Times after which a client that has not sent what is due breaks the protocol. `None`: no deadline.
pub(super) struct ClientDeadlines {
    /// For a namespace to be connected to, while there is none.
    pub(super) connect: Option<Instant>,
    /// `connect` was put off, since the server had stood still, and a CONNECT that came meanwhile may not have been read.
    was_late: bool,
}

impl ClientDeadlines {
    /// `connect` is `None` if the clock can't represent that time.
    pub(super) fn new(connect: Option<Instant>) -> Self {
        Self {
            connect,
            was_late: false,
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.connect
    }

    /// Whether the time to connect is over. Once.
    pub(super) fn connect_is_over(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let Some(by) = self.connect else {
            return false;
        };
        let now = now();
        if now < by {
            return false;
        }
        let is_late = now.saturating_duration_since(by) > PUNCTUAL;
        if is_late && !self.was_late {
            self.was_late = true;
            self.connect = Some(now + PUNCTUAL);
            return false;
        }
        self.connect = None;
        true
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_is_judged_later_if_the_server_stood_still() {
        let by = Instant::now();
        let mut deadlines = ClientDeadlines::new(Some(by));
        let woke = by + Duration::from_secs(5);
        assert!(!deadlines.connect_is_over(|| woke));
        assert_eq!(deadlines.next(), Some(woke + PUNCTUAL));
        assert!(!deadlines.connect_is_over(|| woke + PUNCTUAL / 2));
        assert!(deadlines.connect_is_over(|| woke + Duration::from_secs(5)));
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn a_client_is_judged_at_once_if_the_server_was_punctual() {
        let by = Instant::now();
        let mut deadlines = ClientDeadlines::new(Some(by));
        assert!(deadlines.connect_is_over(|| by));
    }
}
