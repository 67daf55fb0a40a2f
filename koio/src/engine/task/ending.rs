//! The end of a session: what its client is sent last, and when the session is gone.

use std::{any::Any, task::Context};

use super::{
    session_task::{Delivery, NoTransport, SecondTransport, SessionEnd, SessionTask},
    upgrade_end::UpgradeEnd,
};
use crate::{
    close_reason::CloseReason,
    engine::{ending::Ending, machine::Input, transport::CloseProgress},
    observe::Observation,
    time::now,
};

impl SessionTask {
    /// A connection of a client that polls has ended with no request under way. If no poll waits either, the client may be
    /// gone: it is looked for sooner than its next ping would. It may also have been the proxy's to close, with the client
    /// still receiving the last answer, so this alone ends nothing.
    pub(super) fn connection_ended(&mut self) {
        let is_there = match self.transport.kind().capabilities().waits_for_requests {
            true => self.transport.is_awaited(),
            false => self.transport.has_returned(),
        };
        if !is_there && self.probe().is_none() {
            self.transport.suspect();
            let last_answer = self.transport.last_answer();
            self.input(Input::ConnectionEnded { last_answer });
        }
    }

    /// The client has connected again, by a transport that may lose its connection and get another.
    pub(super) fn reconnected(&mut self, connection: Box<dyn Any + Send>) {
        if let Err(cause) = self.transport.reconnect(connection) {
            let cut = Observation::AnswerCut {
                sid: self.session.sid(),
                cause: &cause,
            };
            self.registration.observers().notify(&cut);
            self.input(Input::Lost(CloseReason::TransportError));
        }
    }

    /// The server shuts down. Until the running events are answered the session stays open: their handlers may emit, and may
    /// wait for the client's acks.
    pub(super) fn drain(&mut self) {
        if !self.machine.is_open() {
            self.input(Input::Close(CloseReason::ServerShuttingDown, Ending::Flush));
        } else if !self.draining {
            self.draining = true;
            self.upstream.drain();
        }
    }

    /// Closes a draining session whose events are answered. False if it is not to be closed.
    pub(super) fn close_drained(&mut self) -> bool {
        let is_due = self.machine.is_open() && self.upstream.is_drained();
        if is_due {
            self.input(Input::Close(CloseReason::ServerShuttingDown, Ending::Flush));
        }
        is_due
    }

    /// The session is over for the layer above. The transport closes.
    pub(super) fn closed(&mut self, reason: CloseReason, ending: Ending) {
        let closed = Observation::SessionClosed {
            sid: self.session.sid(),
            transport: self.machine.transport().as_str(),
            reason,
        };
        self.registration.observers().notify(&closed);
        self.ending = Some(SessionEnd { reason, ending });
        self.registration.closing();
        let is_client_gone = matches!(
            reason,
            CloseReason::TransportClose | CloseReason::TransportError | CloseReason::PingTimeout
        );
        if is_client_gone && ending == Ending::Cut && !self.session.shared().outbox.is_empty() {
            self.count_abandoned();
        }
        self.session.shared().outbox.close(ending);
        self.upstream_busy = true;
        self.upstream.on_close(reason);
        let progress = self.transport.close(reason, ending);
        self.close_retired(reason);
        let flushes = ending == Ending::Flush;
        if flushes {
            self.machine.delivers(self.transport.last_answer(), now());
        }
        if progress == CloseProgress::Finished || flushes && self.has_nothing_to_say() {
            self.delivered();
            // At once: a client that sees its request answered finds the session gone.
            self.input(Input::Finished);
        }
    }

    /// Closes the transport that the session has left. A POST that it still holds is answered as received.
    fn close_retired(&mut self, reason: CloseReason) {
        if let Some(SecondTransport::Retired(mut retired)) = self
            .second
            .take_if(|second| matches!(second, SecondTransport::Retired(_)))
        {
            retired.close(reason, Ending::Flush);
        }
    }

    /// Tells the machine how far the transport has closed.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) {
        if self.ending.is_none() || self.machine.is_gone() {
            return;
        }
        match self.transport.poll_close(cx) {
            CloseProgress::Flushing => {}
            CloseProgress::AwaitingClient => {
                self.delivered();
                self.input(Input::CloseSent);
            }
            CloseProgress::Finished => {
                self.delivered();
                self.input(Input::Finished);
            }
        }
    }

    /// Whether the client of a session that flushes would learn nothing from its next request but that the session is over,
    /// which it learns as well when it finds the session gone. A client that upgrades is told on its new transport.
    fn has_nothing_to_say(&mut self) -> bool {
        self.transport.kind().capabilities().waits_for_requests
            && self.session.shared().outbox.is_empty()
            && !self.transport.is_awaited()
            && self.probe().is_none()
    }

    fn delivered(&mut self) {
        if self.delivery == Delivery::Owed {
            self.delivery = Delivery::Done;
        }
    }

    /// Whether the client of a server that shuts down got everything that was meant for it.
    pub(super) fn is_answered(&self) -> bool {
        let shut_down = |end: SessionEnd| {
            end.reason == CloseReason::ServerShuttingDown && end.ending == Ending::Flush
        };
        self.delivery == Delivery::Done && self.ending.is_some_and(shut_down)
    }

    /// Something was queued for the client, which will not get it; or it has left a server that shuts down. A session that has
    /// not ended at the deadline of a shutdown is cut, and not abandoned.
    pub(super) fn count_abandoned(&mut self) {
        if self.delivery == Delivery::Abandoned || self.registration.is_cutting() {
            return;
        }
        self.delivery = Delivery::Abandoned;
        let sid = self.session.sid();
        let abandoned = Observation::SessionAbandoned { sid };
        self.registration.observers().notify(&abandoned);
    }

    /// Nothing is left to do for the client.
    pub(super) fn gone(&mut self) {
        let flushes = |end: SessionEnd| end.ending == Ending::Flush;
        if self.delivery == Delivery::Owed && self.ending.is_some_and(flushes) {
            self.count_abandoned();
        }
        let shared = self.session.shared();
        shared.outbox.close(Ending::Cut);
        shared.commands.close();
        self.registration.end();
        self.transport = Box::new(NoTransport(self.machine.transport()));
        self.drop_probe(UpgradeEnd::SessionEnds);
    }
}
