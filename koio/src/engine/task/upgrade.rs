//! Moving a session to another transport.

use std::task::{Context, Poll, Waker};

use super::session_task::{SecondTransport, SessionTask};
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
            reject(probe);
        } else {
            self.second = Some(SecondTransport::Probe(probe));
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
                Poll::Ready(Err(_)) => {
                    self.input(Input::ProbeLost);
                    // The client may have paused its polls, and be gone.
                    self.connection_ended();
                }
                Poll::Pending => {
                    // Finishes a `3probe` that was written in part.
                    let _ = probe.poll_send(cx, &mut None);
                    break;
                }
            }
        }
    }

    /// Answers `2probe`. The answer does not pass the outbox, whose order belongs to the transport in use.
    pub(super) fn answer_probe(&mut self) {
        if let Some(probe) = self.probe() {
            send_now(&mut **probe, Some(Frame::probe_pong()));
            // From here on a waiting poll must wake the task: the machine answers it with a noop soon.
            self.session.shared().outbox.wake_when_writable(true);
        }
    }

    /// Moves the session to the probe.
    pub(super) fn upgrade(&mut self) {
        let Some(SecondTransport::Probe(probe)) = self.second.take() else {
            return;
        };
        let shared = self.session.shared();
        shared.outbox.open_direct_writer(probe.direct_writer());
        shared.set_transport(probe.kind(), probe.mailbox());
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
    pub(super) fn drop_probe(&mut self) {
        if let Some(SecondTransport::Probe(probe)) = self
            .second
            .take_if(|second| matches!(second, SecondTransport::Probe(_)))
        {
            self.session.shared().outbox.wake_when_writable(false);
            reject(probe);
        }
    }
}

/// Sends what the connection takes at once. The rest is sent at the next [`poll_send`](Transport::poll_send), if there is
/// one.
fn send_now(transport: &mut dyn Transport, mut frame: Option<Frame>) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = transport.poll_send(&mut cx, &mut frame);
}

/// Closes a connection that does not become the session's transport.
fn reject(mut transport: Box<dyn Transport>) {
    transport.close(CloseReason::TransportClose, Ending::Cut);
    send_now(&mut *transport, None);
}
