//! The answers that one client owes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::wire::RawArgs;

/// Who waits for which ack of one socket. Each wait ends exactly once: by the answer, by its own deadline (it
/// then takes itself out), or with the socket.
#[derive(Default)]
pub(crate) struct PendingAcks(Mutex<AckTable>);

#[derive(Default)]
struct AckTable {
    /// In a box, and there only while somebody waits: most clients are never asked anything.
    waiting: Option<Box<Waiters>>,
    closed: bool,
}

type Waiters = BTreeMap<u64, oneshot::Sender<RawArgs>>;

impl AckTable {
    fn remove(&mut self, id: u64) -> Option<oneshot::Sender<RawArgs>> {
        let found = self.waiting.as_mut()?.remove(&id);
        self.waiting.take_if(|waiting| waiting.is_empty());
        found
    }
}

/// Why an ack can't be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckRefused {
    /// The socket is closed.
    Closed,
    /// Too many are waited for.
    Full,
}

impl PendingAcks {
    fn state(&self) -> MutexGuard<'_, AckTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the ack with this id.
    pub(crate) fn wait(
        &self,
        id: u64,
        limit: usize,
    ) -> Result<oneshot::Receiver<RawArgs>, AckRefused> {
        let mut state = self.state();
        if state.closed {
            return Err(AckRefused::Closed);
        }
        if state.waiting.as_ref().map_or(0, |waiting| waiting.len()) >= limit {
            return Err(AckRefused::Full);
        }
        let (answer, answered) = oneshot::channel();
        state.waiting.get_or_insert_default().insert(id, answer);
        Ok(answered)
    }

    /// The client has answered. False if nobody waits (any more).
    pub(crate) fn resolve(&self, id: u64, args: RawArgs) -> bool {
        let waiting = self.state().remove(id);
        waiting.is_some_and(|waiting| waiting.send(args).is_ok())
    }

    /// Nobody waits for this ack any more.
    pub(crate) fn forget(&self, id: u64) {
        self.state().remove(id);
    }

    /// The socket is over: every wait ends now, and none begins.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_resolves_once_and_only_its_own_wait() {
        let acks = PendingAcks::default();
        let mut first = acks.wait(1, 10).unwrap();
        let mut second = acks.wait(2, 10).unwrap();
        assert!(!acks.resolve(3, RawArgs::empty()), "never asked");
        assert!(acks.resolve(2, RawArgs::empty()));
        assert!(!acks.resolve(2, RawArgs::empty()), "twice");
        assert!(second.try_recv().is_ok());
        assert!(first.try_recv().is_err());
    }

    #[test]
    fn a_closed_socket_ends_every_wait() {
        let acks = PendingAcks::default();
        let mut waiting = acks.wait(1, 10).unwrap();
        acks.close();
        assert_eq!(
            waiting.try_recv().unwrap_err(),
            oneshot::error::TryRecvError::Closed
        );
        assert_eq!(acks.wait(2, 10).unwrap_err(), AckRefused::Closed);
    }

    #[test]
    fn the_number_of_waits_is_limited_and_given_back() {
        let acks = PendingAcks::default();
        let _waiting = acks.wait(1, 1).unwrap();
        assert_eq!(acks.wait(2, 1).unwrap_err(), AckRefused::Full);
        acks.forget(1);
        assert!(acks.wait(2, 1).is_ok());
    }
}
