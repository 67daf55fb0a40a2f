//! The end of a session: what its client is sent last, and when the session is gone.

use std::task::Context;

use super::session_task::{NoTransport, SecondTransport, SessionEnd, SessionTask};
use crate::{
    close_reason::CloseReason,
    engine::{ending::Ending, machine::Input, transport::CloseProgress},
    observe::Observation,
};

impl SessionTask {
    /// The session is over for the layer above. The transport closes.
    pub(super) fn closed(&mut self, reason: CloseReason, ending: Ending) {
        let closed = Observation::SessionClosed {
            sid: self.session.sid(),
            transport: self.machine.transport().as_str(),
            reason,
        };
        self.registration.observers().notify(&closed);
        self.ending = Some(SessionEnd { reason, ending });
        self.session.shared().outbox.close(ending);
        self.upstream_busy = true;
        self.upstream.on_close(reason);
        let progress = self.transport.close(reason, ending);
        self.close_retired(reason);
        if progress == CloseProgress::Finished {
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
            CloseProgress::AwaitingClient => self.input(Input::CloseSent),
            CloseProgress::Finished => self.input(Input::Finished),
        }
    }

    /// Nothing is left to do for the client.
    pub(super) fn gone(&mut self) {
        let shared = self.session.shared();
        shared.outbox.close(Ending::Cut);
        shared.commands.close();
        self.registration.end();
        self.transport = Box::new(NoTransport(self.machine.transport()));
        self.drop_probe();
    }
}
