//! The one task of a session: it feeds the [`Machine`], does what the machine says, and writes.
//!
//! A turn reads what there is (up to a budget), lets the layer above work, and writes everything at the end,
//! so that the answers to a burst of messages leave together. Over polling the turn is woken by HTTP requests;
//! at an upgrade the same task takes over the WebSocketLink, so no order is ever handed from one task to another.

mod end;
mod link;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::{
    task::{coop::unconstrained, yield_now},
    time::Sleep,
};

use self::{end::SessionEnd, link::WebSocketLink};
use super::{
    Session, Upstream,
    machine::{Input, Machine, Output},
    outbox::Urgency,
    requests::PollResponse,
    sessions::Registration,
};
use crate::{
    time::now,
    wire::{Frame, payload},
};

pub(crate) use link::Link;

/// What one turn reads before the others of the thread get theirs: messages, of which big ones count as several.
const TURN: usize = 128;
/// Bytes that count as a message more: about what takes as long.
const BIG: usize = 4 * 1024;

/// A session's task.
pub(crate) struct SessionTask {
    session: Session,
    machine: Machine,
    upstream: Box<dyn Upstream>,
    upstream_busy: bool,
    link: Link,
    probe: Option<Box<WebSocketLink>>,
    /// One for all deadlines of the session. There from its first turn on.
    timer: Option<Pin<Box<Sleep>>>,
    reading: bool,
    /// The deadlines of what must be read rest, for it is the server that does not read.
    resting: bool,
    partial: bool,
    /// How the end is told to the client: what is queued first, or at once.
    ending: Option<SessionEnd>,
    /// Dropped last.
    registration: Registration,
}

impl SessionTask {
    pub(crate) fn new(
        session: Session,
        machine: Machine,
        upstream: Box<dyn Upstream>,
        link: Link,
        registration: Registration,
    ) -> Self {
        if let Link::WebSocket(websocket) = &link {
            let direct_writer = websocket.io.direct_writer();
            session.shared().outbox.open_direct_writer(direct_writer);
        }
        Self {
            session,
            machine,
            upstream,
            upstream_busy: true,
            link,
            probe: None,
            timer: None,
            reading: true,
            resting: false,
            partial: false,
            ending: None,
            registration,
        }
    }

    fn input(&mut self, input: Input) {
        let outputs = self.machine.handle(input, now());
        for output in outputs {
            self.apply(output);
        }
    }

    fn apply(&mut self, output: Output) {
        match output {
            Output::Ping => {
                let _ = self.session.reply(Frame::ping());
            }
            Output::ProbePong => {
                if let Some(probe) = &mut self.probe {
                    // The probe's own bytes: they do not pass the session's queue, whose order belongs to the
                    // transport in use.
                    probe.write_at_once(Some(Frame::probe_pong()));
                    // From here on none may wait for long.
                    self.session.shared().outbox.heed_polls(true);
                }
            }
            Output::ReleasePoll => {
                if let Link::Polling(polling) = &mut self.link
                    && let Some(poll) = polling.poll.take()
                {
                    let mut payload = payload::encode(self.session.shared().outbox.take_all());
                    if payload.is_empty() {
                        payload = payload::encode([Frame::noop()]);
                    }
                    poll.answer(PollResponse::Payload(payload));
                }
            }
            Output::Upgrade => self.upgrade(),
            Output::DropProbe => self.drop_probe(),
            Output::Closed { reason, flush } => self.closed(reason, flush),
            Output::Gone => self.gone(),
        }
    }

    fn has_poll(&self) -> bool {
        matches!(&self.link, Link::Polling(polling) if polling.poll.is_some())
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let mut budget = TURN;
        let (poll, requests) = self.session.shared().inbox.take();
        if let Some(poll) = poll {
            // It may have waited for long without this task: what follows finds it here.
            self.poll_request(poll);
        }
        // Before the requests: one that comes when the deadline has come is too late. The timer tells of that, and no
        // turn before needs the clock.
        if self.timer.as_ref().is_none_or(|timer| timer.is_elapsed()) {
            let now = now();
            while self
                .machine
                .deadline()
                .is_some_and(|deadline| now >= deadline)
            {
                self.input(Input::Tick);
            }
        }
        let was_ending = self.ending.is_some();
        let waited = self.has_poll() && !was_ending;
        self.requests(requests);
        loop {
            self.read(cx, &mut budget);
            // Always: its own timers and other tasks may have woken it.
            self.upstream_busy = self.upstream.poll(cx).is_pending();
            // Finished handlers made room: what waits in the transport's buffer would otherwise wait for a
            // wake-up that does not come.
            if self.reading || budget == 0 || !self.machine.is_open() || !self.may_read() {
                break;
            }
        }
        let told = self.ending.is_some();
        let writable = self.write(cx);
        self.finish_polling(waited);
        self.drain_closing(cx);
        // Writing may have set a deadline.
        let due = self.timer_is_due(cx);
        // A write that failed has ended the session after the layer above had its turn: it has another one, for
        // nothing else may ever wake it.
        let ended = self.ending.is_some() && !told;
        if due
            || ended
            || budget == 0
            || (self.machine.is_open() && !self.reading && self.may_read())
        {
            wake_after_others(cx);
        }
        writable
    }

    fn timer_is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let deadlines = [self.machine.deadline(), self.upstream.deadline()];
        let Some(deadline) = deadlines.into_iter().flatten().min() else {
            return false;
        };
        // It wakes whoever has polled it last, which is always this task: until it has gone off it need not be asked.
        let asks = self.timer.as_ref().is_none_or(|timer| timer.is_elapsed());
        let new = || Box::pin(tokio::time::sleep_until(deadline.into()));
        let mut timer = self.timer.get_or_insert_with(new).as_mut();
        if timer.deadline().into_std() != deadline {
            timer.as_mut().reset(deadline.into());
        }
        // A turn that has used up what tokio lets a task do at once would not get through to it.
        asks && pin!(unconstrained(timer)).poll(cx).is_ready()
    }
}

impl Future for SessionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = self.turns(cx);
        self.session.shared().outbox.leave();
        poll
    }
}

impl SessionTask {
    fn turns(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A request or a frame may arrive between the turn's look at it and its end: look again, a few times,
        // then let the other tasks of the thread have their turn.
        for _ in 0..4 {
            self.session.shared().outbox.cork();
            let writable = self.turn(cx);
            self.link.rest();
            if self.machine.is_gone() && !self.upstream_busy {
                return Poll::Ready(());
            }
            let shared = self.session.shared();
            if shared.outbox.uncork(cx.waker(), writable) && shared.inbox.is_empty() {
                return Poll::Pending;
            }
        }
        wake_after_others(cx);
        Poll::Pending
    }
}

/// Wakes this task when all others have had their turn, those included whose client has only just sent something: a
/// task that simply wakes itself is run again many times before tokio looks at the network.
fn wake_after_others(cx: &mut Context<'_>) {
    // What yields has asked for that by its first poll, and is not needed any more.
    let _ = pin!(yield_now()).poll(cx);
}

impl Drop for SessionTask {
    /// The runtime may drop a task that has not ended (it is shutting down): nothing may be accepted any more. One that
    /// has ended has seen to that.
    fn drop(&mut self) {
        let shared = self.session.shared();
        // A turn that has panicked has not let go of its thread.
        shared.outbox.leave();
        if !self.machine.is_gone() {
            shared.outbox.close(true);
            shared.inbox.close();
        }
    }
}

/// The first frame of a WebSocketLink session is its handshake, ahead of everything the layer above sends.
pub(crate) fn send_handshake(session: &Session, handshake: Frame) {
    let _ = session.shared().outbox.give(handshake, Urgency::Reply);
}
