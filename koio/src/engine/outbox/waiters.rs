//! [`Waiters`]: the tasks that wait until a client's queue is below its first mark.

use std::task::Waker;

/// The tasks that wait for one queue.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    wakers: Vec<(u64, Waker)>,
    last: u64,
}

/// Tasks to be woken, without the outbox's lock.
#[derive(Debug, Default)]
#[must_use = "the tasks must be woken"]
pub(super) struct ReadyWakers(Vec<(u64, Waker)>);

impl ReadyWakers {
    pub(super) fn extend(&mut self, more: impl Iterator<Item = (u64, Waker)>) {
        self.0.extend(more);
    }

    #[inline]
    pub(super) fn wake(self) {
        if !self.0.is_empty() {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(self) {
        for (_, waker) in self.0 {
            waker.wake();
        }
    }
}

impl Waiters {
    /// Lets a task wait. `waiter`: its number, if it waits already.
    pub(super) fn wait(&mut self, waiter: &mut Option<u64>, waker: &Waker) {
        let number = *waiter.get_or_insert_with(|| {
            self.last += 1;
            self.last
        });
        match self.wakers.iter_mut().find(|(other, _)| *other == number) {
            Some((_, old)) => old.clone_from(waker),
            None => self.wakers.push((number, waker.clone())),
        }
    }

    /// The memory of the list goes with the wakers.
    pub(super) fn take_all(&mut self) -> ReadyWakers {
        ReadyWakers(std::mem::take(&mut self.wakers))
    }

    pub(super) fn remove(&mut self, waiter: u64) -> Option<Waker> {
        let at = self
            .wakers
            .iter()
            .position(|(number, _)| *number == waiter)?;
        Some(self.wakers.swap_remove(at).1)
    }
}
