//! The deadline of a client.

use std::time::Instant;

use crate::time::PutOff;

/// Times after which a client that has not sent what is due breaks the protocol. `None`: no deadline.
pub(super) struct ClientDeadlines {
    /// For a namespace to be connected to, while there is none.
    pub(super) connect: Option<Instant>,
    /// If the server had stood still, a CONNECT that came meanwhile may not have been read.
    put_off: PutOff,
}

impl ClientDeadlines {
    pub(super) fn new(connect: Option<Instant>) -> Self {
        Self {
            connect,
            put_off: PutOff::default(),
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
        self.connect = self.put_off.until(by, now);
        self.connect.is_none()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::PUNCTUAL;

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
