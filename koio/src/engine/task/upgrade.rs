//! Moving a session to another transport.

use std::{
    fmt,
    task::{Context, Poll, Waker},
};

use super::{
    session_task::{SecondTransport, SessionTask},
    upgrade_end::UpgradeEnd,
};
use crate::{
    engine::{
        CloseReason,
        ending::Ending,
        machine::{Input, Output},
        transport::{Received, Transport},
    },
    observe::Observation,
    time::now,
    wire::{EnginePacket, Frame, Message},
};

impl SessionTask {
    /// The client has connected another transport.
    pub(super) fn probe_opened(&mut self, probe: Box<dyn Transport>) {
        let input = Input::ProbeOpened(probe.kind());
        let mut outputs = self.machine.handle(input, now()).into_iter();
        if outputs.any(|output| output == Output::DropProbe) {
            self.upgrade_failed(UpgradeEnd::Unwanted);
            reject(probe);
        } else {
            self.second = Some(SecondTransport::Probe {
                transport: probe,
                owes_pong: false,
            });
        }
    }

    /// Receives what the client sends on the probe.
    pub(super) fn read_probe(&mut self, cx: &mut Context<'_>, budget: &mut usize) {
        let mut message = Message::default();
        while *budget > 0
            && let Some(probe) = self.probe()
        {
            match probe.poll_recv(cx, &mut message) {
                Poll::Ready(Ok(Received::Packet(packet))) => {
                    *budget -= 1;
                    self.input(Input::ProbePacket(packet));
                }
                Poll::Ready(Ok(Received::Part(units))) => *budget = budget.saturating_sub(units),
                Poll::Ready(Ok(Received::Breach(breach))) => {
                    self.exceeded(&breach);
                    self.input(Input::ProbeLost);
                }
                Poll::Ready(Ok(Received::Message)) => {
                    let message = std::mem::take(&mut message);
                    self.input(Input::ProbePacket(EnginePacket::Message(message)));
                }
                Poll::Ready(Err(lost)) => {
                    self.broken(lost.broken.as_deref());
                    self.input(Input::ProbeLost);
                    // The client may have paused its polls, and be gone.
                    self.connection_ended();
                }
                Poll::Pending => {
                    // Also finishes a `3probe` that was written in part.
                    self.write_probe(cx);
                    break;
                }
            }
        }
    }

    /// Answers `2probe`. The answer does not pass the outbox, whose order belongs to the transport in use.
    pub(super) fn answer_probe(&mut self) {
        if let Some(SecondTransport::Probe { owes_pong, .. }) = &mut self.second {
            *owes_pong = true;
            // What is not taken now is written when the probe is read again, later in this turn.
            self.write_probe(&mut Context::from_waker(Waker::noop()));
            // From here on a waiting poll must wake the task: the machine answers it with a noop soon.
            self.session.shared().outbox.wake_when_writable(true);
        }
    }

    /// Writes what the probe holds, and `3probe` behind it.
    fn write_probe(&mut self, cx: &mut Context<'_>) {
        if let Some(SecondTransport::Probe {
            transport,
            owes_pong,
        }) = &mut self.second
        {
            let mut pong = owes_pong.then(Frame::probe_pong);
            let _ = transport.poll_send(cx, &mut pong);
            *owes_pong = pong.is_some();
        }
    }

    /// Moves the session to the probe.
    pub(super) fn upgrade(&mut self) {
        let Some(SecondTransport::Probe {
            transport: probe, ..
        }) = self.second.take()
        else {
            return;
        };
        if self.transport.overtakes_answer() {
            // The client has given up its last poll. What it got here would come behind a hole.
            self.registration
                .observers()
                .notify(&Observation::AnswerCut {
                    sid: self.session.sid(),
                    cause: "the client upgraded before it was sent",
                });
            reject(probe);
            self.input(Input::Lost(CloseReason::TransportError));
            return;
        }
        let shared = self.session.shared();
        shared.outbox.open_direct_writer(probe.direct_writer());
        shared.set_transport(probe.kind(), probe.mailbox());
        if probe.takes_compressed() {
            shared.compress(self.machine.config());
        }
        let upgraded = Observation::SessionUpgraded {
            sid: self.session.sid(),
            transport: probe.kind().as_str(),
        };
        self.registration.observers().notify(&upgraded);
        let old = std::mem::replace(&mut self.transport, probe);
        self.second = old.retire().map(SecondTransport::Retired);
        if let Some(end) = self.ending {
            // The client upgraded while the session closes: queued frames can reach it only here.
            self.transport.close(end.reason, end.ending);
        }
    }

    /// Closes the probe. The session stays on its transport.
    pub(super) fn drop_probe(&mut self, end: UpgradeEnd) {
        if let Some(SecondTransport::Probe {
            transport: probe, ..
        }) = self
            .second
            .take_if(|second| matches!(second, SecondTransport::Probe { .. }))
        {
            self.session.shared().outbox.wake_when_writable(false);
            self.transport.resume();
            self.upgrade_failed(end);
            reject(probe);
        }
    }

    fn upgrade_failed(&self, end: UpgradeEnd) {
        let observers = self.registration.observers();
        let sid = self.session.sid();
        let failed = |cause: fmt::Arguments<'_>| {
            observers.notify(&Observation::UpgradeFailed { sid, cause });
        };
        match end {
            UpgradeEnd::Late => {
                let limit = self.machine.config().upgrade_timeout;
                failed(format_args!(
                    "it took longer than {limit:?} (upgrade_timeout {limit:?}). Does a proxy hold the WebSocket's frames back?"
                ));
            }
            UpgradeEnd::Lost => failed(format_args!(
                "its WebSocket was closed, or lost, before the client had sent `5`"
            )),
            UpgradeEnd::OtherPacket => failed(format_args!(
                "the client sent something else than `2probe` and then `5`"
            )),
            UpgradeEnd::Unwanted => failed(format_args!(
                "the session has moved already, or is about to, or has ended"
            )),
            UpgradeEnd::SessionEnds => failed(format_args!("the session ended")),
        }
    }
}

/// Closes a connection that does not become the session's transport.
fn reject(mut transport: Box<dyn Transport>) {
    transport.close(CloseReason::TransportClose, Ending::Cut);
    // What the connection takes at once.
    let _ = transport.poll_send(&mut Context::from_waker(Waker::noop()), &mut None);
}
