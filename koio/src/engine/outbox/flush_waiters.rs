//! [`FlushWaiters`]: the tasks that wait until what was queued ahead of them is taken.

use std::task::Waker;

use super::waiters::ReadyWakers;

/// The tasks that wait until what was queued ahead of them is taken.
#[derive(Debug, Default)]
pub(super) struct FlushWaiters {
    pub(super) waiting: Vec<FlushWaiter>,
    last: u64,
}

#[derive(Debug)]
pub(super) struct FlushWaiter {
    number: u64,
    waker: Waker,
    /// What the frames that it waits for count in the queue still. `None` until the end of the turn in which it came: the
    /// frames in the turn's buffer, and those that the transport has and has not written, are known then.
    ahead: Option<usize>,
    /// The transport has taken all of them, and then has come for more.
    is_done: bool,
}

/// Where frames come in what a transport takes at once. It comes for more when what it took before is written, or, over polling,
/// has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    First,
    More,
}

impl FlushWaiters {
    /// The transport has taken frames of this weight, the oldest ones.
    pub(super) fn taken(&mut self, weight: usize, taking: Taking) {
        for waiter in &mut self.waiting {
            waiter.is_done |= taking == Taking::First && waiter.ahead == Some(0);
            waiter.ahead = waiter.ahead.map(|ahead| ahead.saturating_sub(weight));
        }
    }

    /// The turn has ended, with frames of this weight in the queue.
    pub(super) fn turn_ended(&mut self, queued: usize) {
        for waiter in &mut self.waiting {
            waiter.ahead.get_or_insert(queued);
        }
    }

    /// Takes those off the list that wait for nothing more. `is_written`: the transport has written all that it has taken.
    pub(super) fn take_done(&mut self, closed: bool, is_written: bool, done: &mut ReadyWakers) {
        if self.waiting.is_empty() {
            return;
        }
        let is_done = |waiter: &mut FlushWaiter| {
            closed || waiter.is_done || is_written && waiter.ahead == Some(0)
        };
        let ended = self.waiting.extract_if(.., is_done);
        done.extend(ended.map(|waiter| (waiter.number, waiter.waker)));
        if self.waiting.is_empty() {
            self.waiting.shrink_to_fit();
        }
    }

    /// Those that wait, to look for something else.
    pub(super) fn wakers(&self) -> impl Iterator<Item = (u64, Waker)> {
        let waiting = self.waiting.iter();
        waiting.map(|waiter| (waiter.number, waiter.waker.clone()))
    }

    pub(super) fn wait(&mut self, waker: &Waker, ahead: Option<usize>) -> u64 {
        self.last += 1;
        self.waiting.push(FlushWaiter {
            number: self.last,
            waker: waker.clone(),
            ahead,
            is_done: false,
        });
        self.last
    }

    /// Whether this one is on the list still, with this waker.
    pub(super) fn is_waiting(&mut self, number: u64, waker: &Waker) -> bool {
        let waiter = self.waiting.iter_mut().find(|one| one.number == number);
        waiter.map(|one| one.waker.clone_from(waker)).is_some()
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Waker> {
        let at = self.waiting.iter().position(|one| one.number == number)?;
        Some(self.waiting.swap_remove(at).waker)
    }
}
