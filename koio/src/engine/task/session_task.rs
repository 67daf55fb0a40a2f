//! What a session's task owns, and how it does what the machine says.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::Sleep;

use super::upgrade_end::UpgradeEnd;
use crate::{
    engine::{
        CloseReason, Session, Upstream,
        ending::Ending,
        machine::{Input, Machine, Output},
        outbox::{Outbox, Taking, Urgency},
        sessions::{Registration, SessionOutcome},
        transport::{CloseProgress, FrameSource, Received, Transport, TransportLost},
        transport_kind::TransportKind,
    },
    time::now,
    wire::{Frame, Message},
};

/// A session's task.
pub(crate) struct SessionTask {
    pub(super) session: Session,
    pub(super) machine: Machine,
    pub(super) upstream: Box<dyn Upstream>,
    pub(super) upstream_busy: bool,
    pub(super) transport: Box<dyn Transport>,
    pub(super) second: Option<SecondTransport>,
    /// One timer for all deadlines of the session. Made in its first turn.
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    /// Whether the transport is read.
    pub(super) reading: bool,
    /// Whether the machine's deadlines for the client are paused, because the server does not read.
    pub(super) deadlines_paused: bool,
    /// Whether a message has begun to arrive.
    pub(super) partial: bool,
    /// Whether the server shuts down, and the session closes as soon as its running events are answered.
    pub(super) draining: bool,
    pub(super) delivery: Delivery,
    /// Set when the session ends.
    pub(super) ending: Option<SessionEnd>,
    /// Dropped last: it counts the task until everything else is dropped.
    pub(super) registration: Registration,
}

/// What has become of what was queued for the client of a session that ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Owed,
    /// The transport has sent everything.
    Done,
    /// The session was counted as abandoned.
    Abandoned,
}

/// How a session ends.
#[derive(Clone, Copy)]
pub(super) struct SessionEnd {
    pub(super) reason: CloseReason,
    pub(super) ending: Ending,
}

/// The other transport of a session that upgrades.
pub(super) enum SecondTransport {
    /// The client has connected it and has not sent `5` on it.
    Probe {
        transport: Box<dyn Transport>,
        /// The connection has not taken `3probe`, because bytes that come before it wait.
        owes_pong: bool,
    },
    /// The session has left it. It holds packets that come before those of the transport in use. An honest client leaves
    /// none: it waits for the answers to its POSTs before it upgrades.
    Retired(Box<dyn Transport>),
}

impl SessionTask {
    pub(crate) fn new(
        session: Session,
        machine: Machine,
        upstream: Box<dyn Upstream>,
        transport: Box<dyn Transport>,
        registration: Registration,
    ) -> Self {
        let outbox = &session.shared().outbox;
        outbox.open_direct_writer(transport.direct_writer());
        if transport.takes_compressed() {
            session.shared().compress(machine.config());
        }
        Self {
            session,
            machine,
            upstream,
            upstream_busy: true,
            transport,
            second: None,
            timer: None,
            reading: true,
            deadlines_paused: false,
            partial: false,
            draining: false,
            delivery: Delivery::Owed,
            ending: None,
            registration,
        }
    }

    /// Gives an input to the machine and does what it says.
    pub(super) fn input(&mut self, input: Input) {
        self.handle(input);
    }

    /// As [`input`](Self::input). Returns whether the machine said anything.
    pub(super) fn handle(&mut self, input: Input) -> bool {
        let end = UpgradeEnd::by(&input);
        let outputs = self.machine.handle(input, now());
        let mut acted = false;
        for output in outputs {
            acted = true;
            self.apply(output, end);
        }
        acted
    }

    fn apply(&mut self, output: Output, end: UpgradeEnd) {
        match output {
            Output::Ping => {
                let _ = self.session.reply(Frame::ping());
            }
            Output::Pong => {
                let _ = self.session.reply(Frame::pong(&[]));
            }
            Output::TryWrite => self.try_write(),
            Output::ProbePong => self.answer_probe(),
            Output::ReleasePoll => {
                let outbox = &self.session.shared().outbox;
                self.transport.release(&mut TurnFrames::all(outbox));
            }
            Output::Upgrade => self.upgrade(),
            Output::DropProbe => self.drop_probe(end),
            Output::Ignored(packet) => self.ignored(packet),
            Output::Exceeded(breach) => self.exceeded(&breach),
            Output::Broken(rule) => self.broken(Some(rule)),
            Output::Missed(missed) => {
                missed.notify(self.session.sid(), self.registration.observers());
            }
            Output::Closed { reason, ending } => self.closed(reason, ending),
            Output::Gone => self.gone(),
        }
    }

    pub(super) fn probe(&mut self) -> Option<&mut Box<dyn Transport>> {
        match &mut self.second {
            Some(SecondTransport::Probe { transport, .. }) => Some(transport),
            _ => None,
        }
    }
}

impl Drop for SessionTask {
    /// A runtime that shuts down drops tasks that have not ended: from then on the session refuses frames and commands.
    fn drop(&mut self) {
        if !self.machine.is_gone() {
            let shared = self.session.shared();
            shared.outbox.close(Ending::Cut);
            shared.commands.close();
        }
        let outcome = self.registration.count_end(self.is_answered());
        if outcome == Some(SessionOutcome::Abandoned) {
            self.count_abandoned();
        }
    }
}

/// Queued frames, as far as one turn sends them.
pub(super) struct TurnFrames<'a> {
    outbox: &'a Outbox,
    left: usize,
    taking: Taking,
}

impl<'a> TurnFrames<'a> {
    pub(super) fn up_to(outbox: &'a Outbox, left: usize) -> Self {
        Self {
            outbox,
            left,
            taking: Taking::First,
        }
    }

    pub(super) fn all(outbox: &'a Outbox) -> Self {
        Self::up_to(outbox, usize::MAX)
    }
}

impl FrameSource for TurnFrames<'_> {
    fn gather(&mut self, buffer: &mut Vec<u8>, enough: usize) -> bool {
        let taking = std::mem::replace(&mut self.taking, Taking::More);
        self.outbox.gather(buffer, enough, &mut self.left, taking)
    }

    fn next(&mut self) -> Option<Frame> {
        self.left = self.left.checked_sub(1)?;
        let taking = std::mem::replace(&mut self.taking, Taking::More);
        self.outbox.take_next(taking)
    }
}

/// Takes the place of the transport of a session that is over, so that the connection can be dropped.
pub(super) struct NoTransport(pub(super) TransportKind);

impl Transport for NoTransport {
    fn kind(&self) -> TransportKind {
        self.0
    }

    fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        _: &mut Message,
    ) -> Poll<Result<Received, TransportLost>> {
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        _: &mut dyn FrameSource,
    ) -> Poll<Result<(), TransportLost>> {
        Poll::Pending
    }

    fn close(&mut self, _: CloseReason, _: Ending) -> CloseProgress {
        CloseProgress::Finished
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> CloseProgress {
        CloseProgress::Finished
    }
}

/// Queues the handshake of a session, ahead of everything that the layer above sends.
pub(crate) fn send_handshake(session: &Session, handshake: Frame) {
    let _ = session.shared().outbox.give(handshake, Urgency::Reply);
}
