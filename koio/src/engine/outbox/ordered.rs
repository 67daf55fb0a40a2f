//! Frames that are queued under a lock of the layer above, which decides their order: no connection is written to and no task
//! woken before that lock is released.

use tokio::{runtime::Handle, task::yield_now};

use super::{
    crowd,
    direct_writer::{DirectChance, WriteBudget},
    fanout::BATCH,
    limits::{NotQueued, SendError, Urgency, weight},
    outbox::Outbox,
    queue::QueueEntry,
    state::OutboxState,
    turn_buffer::HEAVY,
};
use crate::{
    engine::Session,
    wire::{Frame, FrameForms},
};

impl Outbox {
    /// Queues a frame, and makes no system call. Returns whether [`settle`](Self::settle) must be called; until then the
    /// session's task is not woken.
    fn queue_in_order(&self, frame: &Frame, urgency: Urgency) -> Result<bool, NotQueued> {
        let mut state = self.state_with_turn();
        if state.closed {
            return Err(NotQueued::Closed);
        }
        let is_above = self.limits.is_above_first(state.waiting);
        if is_above && urgency == Urgency::Normal {
            return Err(NotQueued::Full);
        }
        // Whether one of many is a slow consumer is judged later: the judgement may write to the connection.
        self.queue(&mut state, QueueEntry::Shared(frame));
        Ok(Self::promise(&mut state, is_above))
    }

    /// [`queue_in_order`](Self::queue_in_order) for an answer of many frames. Returns also what they count together.
    fn queue_reply_in_order(
        &self,
        first: Frame,
        others: Vec<Frame>,
    ) -> Result<(bool, usize), NotQueued> {
        let total = std::iter::once(&first)
            .chain(&others)
            .map(|frame| weight(frame.len(), frame.messages()))
            .sum();
        let mut state = self.state_with_turn();
        if state.closed {
            return Err(NotQueued::Closed);
        }
        let before = state.waiting;
        state.queue.push(QueueEntry::Own(first));
        state.queue.push_all(others);
        self.set_load(&mut state, before + total);
        let is_above = self.limits.is_above_first(before);
        Ok((Self::promise(&mut state, is_above), total))
    }

    /// [`queue_in_order`](Self::queue_in_order) for a frame that is dropped unless it would go out at once: then `None`.
    fn queue_volatile_in_order(&self, frame: &Frame) -> Option<bool> {
        let mut state = self.state_with_turn();
        if !state.is_clear() {
            return None;
        }
        self.queue(&mut state, QueueEntry::Shared(frame));
        Some(Self::promise(&mut state, false))
    }

    fn promise(state: &mut OutboxState, is_above: bool) -> bool {
        if state.in_turn {
            return is_above || state.waiting >= HEAVY;
        }
        // The sends that promised before will settle this frame too.
        let is_promised = std::mem::replace(&mut state.flush_promised, true);
        is_above || !is_promised
    }

    /// Does what [`queue_in_order`](Self::queue_in_order) has left: writes what is queued or wakes the session's task, and
    /// judges a queue that was above a mark before this frame.
    fn settle(
        &self,
        frame: usize,
        urgency: Urgency,
        budget: &mut WriteBudget,
    ) -> Result<(), NotQueued> {
        let mut state = self.state_with_turn();
        // Also in a turn, which sends what is queued by now: later frames must wake the task.
        state.flush_promised = false;
        let was_above = self
            .limits
            .is_above_first(state.waiting.saturating_sub(frame));
        let judged = if was_above && !state.closed {
            if urgency == Urgency::Shared {
                crowd::note();
            }
            self.admit(&mut state, urgency, frame, budget)
        } else {
            Ok(())
        };
        if state.in_turn {
            if state.waiting >= HEAVY && state.writable {
                self.offer(&mut state);
            }
            self.release(state);
            return judged;
        }
        if !state.queue.is_empty()
            && state.is_idle()
            && state.direct.chance(budget) == DirectChance::Now
        {
            self.offer_idle(&mut state, budget);
        }
        let ready = self.take_ready(&mut state);
        // Events of the client wait for its queue to be below the mark.
        let starts_events = was_above && !self.limits.is_above_first(state.waiting);
        if state.writable && state.queue.is_empty() && !starts_events {
            drop(state);
        } else {
            OutboxState::wake_task(state);
        }
        ready.wake();
        judged
    }

    /// Whether a frame for this client alone would be refused as full. A connection that is above its mark is tried first.
    fn has_room(&self, budget: &mut WriteBudget) -> bool {
        let mut state = self.state_with_turn();
        if !self.limits.is_above_first(state.waiting) {
            return true;
        }
        let admitted = self.admit(&mut state, Urgency::Normal, 0, budget);
        let starts_events = !state.in_turn && !self.limits.is_above_first(state.waiting);
        let must_wake = starts_events || !state.writable;
        self.release(state);
        if must_wake {
            self.wake();
        }
        admitted.is_ok()
    }
}

/// Frames that were queued in an order, and whose sessions must be settled. Dropping it settles them.
#[derive(Default)]
pub(crate) struct OrderedSends {
    sessions: Vec<(Session, usize, Urgency)>,
}

impl Session {
    /// Whether an event for this client alone would be accepted now. Not to be called under a lock.
    pub(crate) fn has_room(&self) -> bool {
        self.shared().outbox.has_room(&mut WriteBudget::up_to(1))
    }

    /// What the sender is told whose frame was not queued.
    pub(crate) fn refused(&self, why: NotQueued) -> SendError {
        self.shared().outbox.refused(why)
    }
}

impl OrderedSends {
    /// Queues a frame for one of many.
    pub(crate) fn share(&mut self, session: &Session, forms: &FrameForms) -> Result<(), NotQueued> {
        self.queue(session, form(forms, session), Urgency::Shared)
    }

    /// Queues a frame for this client alone, which is refused if its queue is at its first mark.
    pub(crate) fn give(&mut self, session: &Session, forms: &FrameForms) -> Result<(), NotQueued> {
        self.queue(session, form(forms, session), Urgency::Normal)
    }

    /// Queues an answer of several frames, which are judged as one.
    pub(crate) fn reply(
        &mut self,
        session: &Session,
        first: Frame,
        others: Vec<Frame>,
    ) -> Result<(), NotQueued> {
        let outbox = &session.shared().outbox;
        let (must_settle, total) = outbox.queue_reply_in_order(first, others)?;
        if must_settle {
            self.sessions.push((session.clone(), total, Urgency::Reply));
        }
        Ok(())
    }

    /// Queues a frame only if it would go out at once; says whether it did.
    pub(crate) fn share_volatile(&mut self, session: &Session, forms: &FrameForms) -> bool {
        let frame = form(forms, session);
        let queued = session.shared().outbox.queue_volatile_in_order(frame);
        if queued == Some(true) {
            self.note(session, frame, Urgency::Shared);
        }
        queued.is_some()
    }

    fn queue(
        &mut self,
        session: &Session,
        frame: &Frame,
        urgency: Urgency,
    ) -> Result<(), NotQueued> {
        if session.shared().outbox.queue_in_order(frame, urgency)? {
            self.note(session, frame, urgency);
        }
        Ok(())
    }

    fn note(&mut self, session: &Session, frame: &Frame, urgency: Urgency) {
        let weight = weight(frame.len(), frame.messages());
        self.sessions.push((session.clone(), weight, urgency));
    }

    /// Settles the sessions: a batch at once, in the order in which they were queued, and the others in a task that yields in
    /// between.
    pub(crate) fn finish(mut self) {
        self.settle(BATCH);
        if self.sessions.is_empty() {
            return;
        }
        // Outside of a runtime, dropping it settles all of them now.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(settle_rest(self));
        }
    }

    fn settle(&mut self, count: usize) {
        let count = count.min(self.sessions.len());
        let mut budget = WriteBudget::up_to(count);
        for (session, weight, urgency) in self.sessions.drain(..count) {
            let settled = session.shared().outbox.settle(weight, urgency, &mut budget);
            let _ = session.cut_if_slow(settled);
        }
    }
}

impl Drop for OrderedSends {
    fn drop(&mut self) {
        self.settle(usize::MAX);
    }
}

fn form<'f>(forms: &'f FrameForms, session: &Session) -> &'f Frame {
    forms.for_recipient(session.deflate().is_some())
}

async fn settle_rest(mut sends: OrderedSends) {
    while !sends.sessions.is_empty() {
        yield_now().await;
        sends.settle(BATCH);
    }
}

#[cfg(test)]
#[path = "ordered_tests.rs"]
mod tests;
