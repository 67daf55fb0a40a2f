//! Receiving, within a turn's budget and while the layer above takes it.

use std::task::{Context, Poll};

use tracing::trace;

use super::session_task::{SecondTransport, SessionTask};
use crate::{
    engine::{
        CloseReason,
        breach::Breach,
        machine::Input,
        outbox::take_crowded,
        transport::{Arriving, Received, TransportLost},
    },
    observe::Observation,
    time::now,
    wire::Message,
};

/// A message counts as one unit of a turn's budget, and as one more for each so many bytes.
const BYTES_PER_UNIT: usize = 4 * 1024;

impl SessionTask {
    /// Reads what `budget` allows. Stops early when the layer above is full.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, budget: &mut usize) {
        let mut writable = true;
        while *budget > 0 && self.machine.is_open() && self.may_read() {
            let mut message = Message::default();
            match self.next_packet(cx, &mut message) {
                None => break,
                // Messages are no input of the machine: no rule depends on them but `is_open`, which was checked.
                Some(Ok(Received::Message)) => {
                    *budget = budget.saturating_sub(1 + message.len() / BYTES_PER_UNIT);
                    self.upstream.on_message(message, cx);
                    if self.partial && self.upstream.arriving().is_none() {
                        // If the next message has begun behind it, that has a deadline of its own.
                        self.completed();
                    }
                    if take_crowded() {
                        // The recipients' tasks have a turn first, and the network is polled for them.
                        *budget = 0;
                    }
                    if writable && self.session.shared().outbox.is_heavy() {
                        // Otherwise the answers to many or big messages would pile up until the turn ends.
                        writable = self.flush(cx);
                    }
                }
                Some(Ok(Received::Packet(packet))) => {
                    *budget -= 1;
                    self.input(Input::Packet(packet));
                }
                Some(Ok(Received::Part(units))) => *budget = budget.saturating_sub(units),
                Some(Ok(Received::Breach(breach))) => self.breach(&breach),
                Some(Err(lost)) => self.lost(&lost),
            }
        }
        let before = self.machine.transport();
        self.read_probe(cx, budget);
        if self.machine.transport() != before {
            // Packets that came right behind the `5` belong to the new transport, which was not read yet.
            self.read(cx, budget);
        }
    }

    /// Whether the layer above takes another message.
    pub(super) fn may_read(&mut self) -> bool {
        let above_mark = self.session.is_above_mark();
        let may = !self.upstream.is_full(above_mark);
        if may != self.reading {
            self.reading = may;
            trace!(sid = ?self.session.sid(), reading = may, "backpressure");
        }
        // The deadlines are paused, since a pong may wait behind the messages that are not read, and a ping behind those that
        // were not sent. A client above its mark that reads nothing runs into the write timeout. Over polling they are not
        // paused for it: one request empties the queue, so a client that makes none must miss its ping.
        let capabilities = self.transport.kind().capabilities();
        let paused = match above_mark {
            true => !capabilities.waits_for_requests,
            false => !may,
        };
        if paused != self.deadlines_paused {
            self.deadlines_paused = paused;
            self.input(Input::Reading(!paused));
        }
        may
    }

    /// The next packet of the client. A message is put into `message`.
    fn next_packet(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Message,
    ) -> Option<Result<Received, TransportLost>> {
        if let Some(SecondTransport::Retired(retired)) = &mut self.second {
            match retired.poll_recv(cx, message) {
                Poll::Ready(received) => return Some(received),
                Poll::Pending => self.second = None,
            }
        }
        let received = match self.transport.poll_recv(cx, message) {
            Poll::Ready(received) => Some(received),
            Poll::Pending => None,
        };
        if received.is_none() {
            self.watch_arriving();
        }
        received
    }

    /// Tells the machine what has arrived of a message that is not complete.
    fn watch_arriving(&mut self) {
        let of_message = self.transport.arriving();
        let of_packet = self.upstream.arriving();
        if of_message.is_none() && of_packet.is_none() {
            if self.partial {
                self.completed();
            }
            return;
        }
        let Arriving {
            bytes,
            expected,
            is_judged,
        } = of_message.unwrap_or_default();
        let before = of_packet.unwrap_or(0) as u64;
        let arriving = Arriving {
            bytes: before + bytes,
            expected: if expected > 0 { before + expected } else { 0 },
            is_judged,
        };
        self.partial = true;
        if self.machine.arrived() != Some((arriving.bytes, is_judged)) {
            self.input(Input::Arriving(arriving));
        }
    }

    /// The message that was arriving is complete.
    fn completed(&mut self) {
        self.partial = false;
        self.machine.completed(now());
    }

    /// The client has sent a packet that means nothing on its transport.
    pub(super) fn ignored(&self, packet: &'static str) {
        let ignored = Observation::PacketIgnored {
            sid: self.session.sid(),
            packet,
        };
        self.registration.observers().notify(&ignored);
    }

    /// The client went beyond a limit.
    pub(super) fn breach(&mut self, breach: &Breach) {
        self.exceeded(breach);
        self.input(Input::Lost(CloseReason::TransportError));
    }

    /// The connection is gone, or its client broke a rule.
    pub(super) fn lost(&mut self, lost: &TransportLost) {
        self.broken(lost.broken.as_deref());
        self.input(Input::Lost(lost.reason));
    }

    /// Says which rule the client broke, if it did.
    pub(super) fn broken(&self, rule: Option<&str>) {
        if let Some(rule) = rule {
            self.registration
                .observers()
                .notify(&Observation::ProtocolError {
                    sid: self.session.sid(),
                    cause: format_args!("{rule}"),
                });
        }
    }

    /// Says which limit the client went beyond.
    pub(super) fn exceeded(&self, breach: &Breach) {
        breach.notify(self.session.sid(), self.registration.observers());
    }
}
