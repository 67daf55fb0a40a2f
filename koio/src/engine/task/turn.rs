//! The loop of a session's task.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::task::{coop::unconstrained, yield_now};

use super::session_task::{SecondTransport, SessionTask};
use crate::{
    engine::{commands::Command, machine::Input, outbox::TurnGuard},
    time::now,
};

/// Messages that one turn reads before the other tasks of the thread run. Big ones count as several.
const READ_BUDGET: usize = 128;

/// Turns in one poll. A turn is followed by another if a frame or a command arrived after the turn had looked for them.
const TURNS_PER_POLL: usize = 4;

impl Future for SessionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.turns(cx)
    }
}

impl SessionTask {
    fn turns(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let guard = TurnGuard::begin(self.session.clone());
        for turn in 0..TURNS_PER_POLL {
            if turn > 0 {
                guard.again();
            }
            let writable = self.turn(cx);
            self.transport.end_turn();
            if let Some(SecondTransport::Retired(retired)) = &mut self.second {
                retired.end_turn();
            }
            if self.machine.is_gone() && !self.upstream_busy {
                return Poll::Ready(());
            }
            if guard.try_end(cx.waker(), writable) && self.session.shared().commands.is_empty() {
                return Poll::Pending;
            }
        }
        wake_after_others(cx);
        Poll::Pending
    }

    /// One turn. Returns whether the transport would take more.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let mut budget = READ_BUDGET;
        self.run_commands();
        self.read_and_run(cx, &mut budget);
        // A session that closes is not unconnected again, because its sockets have left.
        if self.ending.is_none()
            && let Some(connected) = self.session.take_connected()
        {
            self.registration.set_connected(connected);
        }
        let was_ending = self.ending.is_some();
        let mut writable = self.flush(cx);
        self.poll_close(cx);
        // Behind reading and writing: a client is not blamed for what it has sent, or would take. A turn that used up its
        // budget has not read everything.
        if self.expire(budget > 0) {
            writable = self.flush(cx);
            self.poll_close(cx);
        }
        // A deadline, or a write that failed, has ended the session after the layer above had its turn.
        let ended_late = self.ending.is_some() && !was_ending;
        if self.should_rerun(cx, budget, ended_late) {
            wake_after_others(cx);
        }
        writable
    }

    /// Runs the machine's deadlines that have passed. Returns whether there is something to send. `caught_up`: everything
    /// was read that has arrived.
    fn expire(&mut self, caught_up: bool) -> bool {
        // The clock is read only when the timer has fired, or has not been made: no deadline is earlier.
        if self.timer.as_ref().is_some_and(|timer| !timer.is_elapsed()) {
            return false;
        }
        let now = now();
        let due = |deadline| now >= deadline;
        let mut acted = false;
        while self.machine.deadline().is_some_and(due) {
            if self.machine.absent_by().is_some_and(due)
                && (self.probe().is_some() || self.transport.has_returned())
            {
                self.machine.returned();
                continue;
            }
            if self.machine.misses_pong(now) && self.transport.is_answering() {
                self.machine.await_pong_again(now);
                continue;
            }
            if !self.handle(Input::Tick { caught_up }) {
                break;
            }
            acted = true;
        }
        acted
    }

    /// Runs the commands of other tasks.
    fn run_commands(&mut self) {
        for command in self.session.shared().commands.take() {
            match command {
                Command::Probe(probe) => self.probe_opened(probe),
                Command::ConnectionEnded => self.connection_ended(),
                Command::Reconnected(connection) => self.reconnected(connection),
                Command::Drain => self.drain(),
                Command::Lost(reason) => self.input(Input::Lost(reason)),
                Command::Close {
                    reason,
                    ending,
                    words,
                } => {
                    if let Some(words) = words.filter(|_| self.machine.is_open()) {
                        self.transport.explain(&words);
                    }
                    self.input(Input::Close(reason, ending));
                }
            }
        }
        if self.probe().is_some() && self.transport.is_awaited() {
            self.input(Input::Polled);
        }
    }

    /// Reads, and lets the layer above go on.
    fn read_and_run(&mut self, cx: &mut Context<'_>, budget: &mut usize) {
        loop {
            self.read(cx, budget);
            // In every turn: the upstream's own timers and other tasks may have woken this task.
            self.upstream_busy = self.upstream.poll(cx).is_pending();
            // If handlers that finished made room, read again: the transport gives no second wake-up for what is already
            // in its buffer.
            if self.reading || *budget == 0 || !self.machine.is_open() || !self.may_read() {
                break;
            }
        }
        if self.draining && self.close_drained() {
            // For the disconnect handlers: nothing else may wake the task.
            self.upstream_busy = self.upstream.poll(cx).is_pending();
        }
    }

    /// Whether the task must run again without being woken.
    fn should_rerun(&mut self, cx: &mut Context<'_>, budget: usize, ended_late: bool) -> bool {
        // First, so that the timer is set in any case. Writing may have set a deadline.
        let due = self.timer_is_due(cx);
        let can_read_again = self.machine.is_open() && !self.reading && self.may_read();
        // The layer above starts no event while the client's queue is above its first mark, and writing has made room.
        let can_start_again =
            self.upstream_busy && !self.session.is_above_mark() && self.upstream.would_start();
        // The upstream then has work for its end, and nothing else may ever wake the task.
        due || ended_late || budget == 0 || can_read_again || can_start_again
    }

    fn timer_is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let deadlines = [self.machine.deadline(), self.upstream.deadline()];
        let Some(deadline) = deadlines.into_iter().flatten().min() else {
            return false;
        };
        // A timer keeps the waker of its last poll, which is always this task's. It need not be polled again before it
        // has fired.
        let must_poll = self.timer.as_ref().is_none_or(|timer| timer.is_elapsed());
        let new = || Box::pin(tokio::time::sleep_until(deadline.into()));
        let mut timer = self.timer.get_or_insert_with(new).as_mut();
        if timer.deadline().into_std() != deadline {
            timer.as_mut().reset(deadline.into());
        }
        // Without tokio's budget: a turn that has used it up would not register with the timer.
        must_poll && pin!(unconstrained(timer)).poll(cx).is_ready()
    }
}

/// Wakes this task after all other tasks that are ready, and after tokio has polled the network. A task that wakes itself is
/// run up to 61 times before that (16 KiB echo: p99.9 of the latency 266 → 39 ms).
pub(crate) fn wake_after_others(cx: &mut Context<'_>) {
    // The first poll of `yield_now` defers the wake-up. The future itself is not needed any more.
    let _ = pin!(yield_now()).poll(cx);
}
