//! The acknowledgements that one client has not sent yet.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    adapter::{AckCollector, NoAnswer},
    ids::SocketId,
    wire::RawArgs,
};

/// The unacknowledged events of one socket, by ack id. Each wait ends exactly once: by the answer, by its own deadline
/// ([`forget`](Self::forget)), or with the socket.
///
/// Boxed, and `None` while it is empty, since most sockets wait for no acknowledgement. `is_closed` is called under the
/// lock: [`close`](Self::close) finds every wait that began before the socket closed, and none begins after.
#[derive(Default)]
pub(crate) struct PendingAcks(Mutex<Option<Box<AckWaiters>>>);

type AckWaiters = BTreeMap<u64, AckWaiter>;

/// Where an answer goes. Dropping it ends the wait as disconnected.
pub(super) enum AckWaiter {
    /// To the future of one answer.
    One(oneshot::Sender<RawArgs>),
    /// To the collector of many answers.
    Many(CollectedAck),
}

/// One socket's share of an [`AckCollector`].
pub(super) struct CollectedAck {
    answers: Arc<AckCollector>,
    socket: SocketId,
}

impl Drop for CollectedAck {
    fn drop(&mut self) {
        // Without effect once there is an answer.
        self.answers
            .resolve(self.socket, Err(NoAnswer::Disconnected));
    }
}

fn remove(table: &mut Option<Box<AckWaiters>>, id: u64) -> Option<AckWaiter> {
    let found = table.as_mut()?.remove(&id);
    table.take_if(|waiters| waiters.is_empty());
    found
}

impl PendingAcks {
    fn insert(
        &self,
        id: u64,
        limit: usize,
        is_closed: impl FnOnce() -> bool,
        waiter: impl FnOnce() -> AckWaiter,
    ) -> Result<(), NoAnswer> {
        let mut table = self.0.lock();
        if is_closed() {
            return Err(NoAnswer::Closed);
        }
        if table.as_ref().map_or(0, |waiters| waiters.len()) >= limit {
            return Err(NoAnswer::Full);
        }
        table.get_or_insert_default().insert(id, waiter());
        Ok(())
    }

    /// Waits for the ack with this id.
    pub(super) fn wait(
        &self,
        id: u64,
        limit: usize,
        is_closed: impl FnOnce() -> bool,
    ) -> Result<oneshot::Receiver<RawArgs>, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        self.insert(id, limit, is_closed, || AckWaiter::One(answer))?;
        Ok(answered)
    }

    /// Collects the ack with this id, as the answer of `socket`.
    pub(in crate::socket) fn collect(
        &self,
        id: u64,
        limit: usize,
        is_closed: impl FnOnce() -> bool,
        socket: SocketId,
        answers: &Arc<AckCollector>,
    ) -> Result<(), NoAnswer> {
        self.insert(id, limit, is_closed, || {
            AckWaiter::Many(CollectedAck {
                answers: Arc::clone(answers),
                socket,
            })
        })
    }

    /// The client has answered. False if no wait has this id (any more).
    pub(in crate::socket) fn resolve(&self, id: u64, mut args: RawArgs) -> bool {
        // Unlocked before the waiter is used: it wakes tasks.
        let waiter = remove(&mut self.0.lock(), id);
        match waiter {
            Some(AckWaiter::One(answer)) => {
                // It waits until the program takes it, and is a slice of what it was read with.
                args.detach();
                answer.send(args).is_ok()
            }
            Some(AckWaiter::Many(share)) => {
                share.answers.resolve(share.socket, Ok(args));
                true
            }
            None => false,
        }
    }

    /// Ends the wait for this ack without an answer.
    pub(in crate::socket) fn forget(&self, id: u64) {
        let waiter = remove(&mut self.0.lock(), id);
        drop(waiter);
    }

    /// Ends every wait. The socket has closed, so `is_closed` is true from now on.
    pub(in crate::socket) fn close(&self) {
        // Unlocked before the waiters are dropped: that wakes tasks.
        let waiters = self.0.lock().take();
        drop(waiters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> bool {
        false
    }

    #[test]
    fn an_ack_resolves_once_and_only_its_own_wait() {
        let acks = PendingAcks::default();
        let mut first = acks.wait(1, 10, open).unwrap();
        let mut second = acks.wait(2, 10, open).unwrap();
        assert!(!acks.resolve(3, RawArgs::empty()), "never asked");
        assert!(acks.resolve(2, RawArgs::empty()));
        assert!(!acks.resolve(2, RawArgs::empty()), "twice");
        assert!(second.try_recv().is_ok());
        assert!(first.try_recv().is_err());
    }

    #[test]
    fn a_closed_socket_ends_every_wait() {
        let acks = PendingAcks::default();
        let mut waiting = acks.wait(1, 10, open).unwrap();
        let (answers, socket) = (Arc::new(AckCollector::new()), SocketId::random().unwrap());
        answers.expect(socket);
        acks.collect(2, 10, open, socket, &answers).unwrap();
        acks.close();
        assert_eq!(
            waiting.try_recv().unwrap_err(),
            oneshot::error::TryRecvError::Closed
        );
        let (outcomes, _) = answers.finish();
        assert!(matches!(outcomes[..], [(id, Err(NoAnswer::Disconnected))] if id == socket));
        assert_eq!(acks.wait(3, 10, || true).unwrap_err(), NoAnswer::Closed);
    }

    #[test]
    fn the_number_of_waits_is_limited_and_a_wait_that_ends_frees_its_place() {
        let acks = PendingAcks::default();
        let _waiting = acks.wait(1, 1, open).unwrap();
        assert_eq!(acks.wait(2, 1, open).unwrap_err(), NoAnswer::Full);
        acks.forget(1);
        assert!(acks.wait(2, 1, open).is_ok());
    }
}
