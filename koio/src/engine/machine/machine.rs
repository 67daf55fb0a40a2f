//! The state of a session, and what each input does to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    closing::Patience,
    headway::Headway,
    heartbeat::Heartbeat,
    input::Input,
    output::{Output, Outputs},
    probe::ProbeState,
};
use crate::{
    engine::{CloseReason, EngineConfig, ending::Ending, transport_kind::TransportKind},
    wire::EnginePacket,
};

/// How long a session whose client sent a close packet in a POST waits for the poll that the client sent beside it. The two
/// race on different connections, and the poll is answered with a noop.
const FAREWELL: Duration = Duration::from_millis(20);

#[derive(Debug)]
enum SessionPhase {
    /// Only an open session has a heartbeat. Apart from the phase it would cost 16 bytes of each idle session.
    Open(Heartbeat),
    /// Over for the layer above. The transport is closing, until this time at the latest.
    Closing(Instant),
    Gone,
}

/// The state of one session.
#[derive(Debug)]
pub(crate) struct Machine {
    config: Arc<EngineConfig>,
    phase: SessionPhase,
    transport: TransportKind,
    /// Whether it closes because the server shuts down.
    shuts_down: bool,
    /// `None` while it has its default value.
    rare: Option<Box<RareState>>,
}

/// Rarely used state, boxed to keep idle sessions small.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct RareState {
    probe: ProbeState,
    paused_at: Option<Instant>,
    /// When a client is taken for gone whose connection has ended.
    absent_by: Option<Instant>,
    /// A message that has begun to arrive.
    message: Option<Headway>,
    /// Bytes that wait to be taken by the transport.
    write: Option<Headway>,
}

impl Machine {
    /// A session that has just been opened. The heartbeat starts here, before the client has the handshake:
    /// the protocol suites measure from it.
    pub(crate) fn new(config: Arc<EngineConfig>, transport: TransportKind, now: Instant) -> Self {
        Self {
            phase: SessionPhase::Open(Heartbeat::new(config.ping_interval, now)),
            config,
            transport,
            shuts_down: false,
            rare: None,
        }
    }

    fn rare(&self) -> RareState {
        self.rare.as_deref().copied().unwrap_or_default()
    }

    fn probe(&self) -> ProbeState {
        self.rare
            .as_ref()
            .map_or(ProbeState::None, |rare| rare.probe)
    }

    /// Changes the rarely used state.
    fn change_rare(&mut self, change: impl FnOnce(&mut RareState)) {
        change(self.rare.get_or_insert_default());
        self.rare.take_if(|rare| **rare == RareState::default());
    }

    /// The message that had begun to arrive is complete.
    pub(crate) fn completed(&mut self) {
        if self.rare.is_some() {
            self.change_rare(|rare| rare.message = None);
        }
    }

    /// Writing made progress, or there is nothing to write.
    pub(crate) fn wrote(&mut self) {
        if self.rare.is_some() {
            self.change_rare(|rare| rare.write = None);
        }
    }

    /// When a client whose connection has ended is taken for gone, unless it has [returned](Self::returned).
    pub(crate) fn absent_by(&self) -> Option<Instant> {
        self.rare.as_deref()?.absent_by
    }

    /// The client has made another request.
    pub(crate) fn returned(&mut self) {
        self.change_rare(|rare| rare.absent_by = None);
    }

    pub(crate) fn transport(&self) -> TransportKind {
        self.transport
    }

    /// How long a closing session waits.
    fn patience(&self) -> Patience<'_> {
        Patience {
            config: &self.config,
            transport: self.transport,
            shuts_down: self.shuts_down,
        }
    }

    /// When a client that takes nothing is given up by a closing session.
    fn close_stalls(&self) -> Option<Instant> {
        let write = self.rare.as_deref()?.write?;
        Some(write.ends(self.patience().for_progress()))
    }

    /// The client of a closing session may still be receiving so many bytes, and comes for the rest only then.
    pub(crate) fn delivers(&mut self, bytes: usize, now: Instant) {
        let longest = now + self.config.close_timeout;
        if let SessionPhase::Closing(by) = &mut self.phase {
            *by = longest.min(*by + self.config.transfer_time(bytes));
        }
    }

    /// Whether messages are still taken from the client.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, SessionPhase::Open(_))
    }

    /// Whether nothing is left to do for the transport.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.phase, SessionPhase::Gone)
    }

    /// When the next [`Input::Tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let heartbeat = match &self.phase {
            SessionPhase::Gone => return None,
            SessionPhase::Closing(by) => {
                let ends = [Some(*by), self.probe().ends(), self.close_stalls()];
                return ends.into_iter().flatten().min();
            }
            SessionPhase::Open(heartbeat) => heartbeat,
        };
        let Some(rare) = self.rare.as_deref() else {
            return Some(heartbeat.at());
        };
        let is_read = rare.paused_at.is_none();
        // While the server does not read, it can't see a pong that has arrived.
        let pong_is_judged = is_read || !heartbeat.awaits_pong();
        let beat_at = pong_is_judged.then_some(heartbeat.at());
        let message_by = rare
            .message
            .filter(|_| is_read)
            .map(|message| message.ends(self.config.message_timeout));
        let write_by = rare
            .write
            .map(|write| write.ends(self.config.write_timeout));
        let probe_by = rare.probe.deadline();
        [beat_at, probe_by, message_by, write_by, rare.absent_by]
            .into_iter()
            .flatten()
            .min()
    }

    /// Applies one input.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) -> Outputs {
        match self.phase {
            SessionPhase::Gone => match input {
                // The probe may have come together with the end of the session.
                Input::ProbeOpened(_) => Outputs::one(Output::DropProbe),
                _ => Outputs::default(),
            },
            SessionPhase::Closing(by) => self.closing(&input, by, now),
            SessionPhase::Open(_) => self.open(input, now),
        }
    }

    fn closing(&mut self, input: &Input, by: Instant, now: Instant) -> Outputs {
        match input {
            Input::Finished | Input::Lost(_) | Input::Close(_, Ending::Cut) => self.gone(),
            // The session may have closed for another reason, and with more patience.
            Input::Close(CloseReason::ServerShuttingDown, Ending::Flush) => {
                self.shuts_down = true;
                let by = by.min(now + self.patience().to_close(Ending::Flush));
                self.phase = SessionPhase::Closing(by);
                Outputs::default()
            }
            Input::CloseSent => {
                self.phase = SessionPhase::Closing(by.min(now + self.patience().for_answer()));
                Outputs::default()
            }
            Input::Tick if now >= by => self.gone(),
            Input::Tick if self.close_stalls().is_some_and(|at| now >= at) => self.gone(),
            Input::Tick if self.probe().ends().is_some_and(|at| now >= at) => self.drop_probe(),
            Input::Stalled => {
                let begun = Headway::begin(now);
                self.change_rare(|rare| _ = rare.write.get_or_insert(begun));
                Outputs::default()
            }
            // A probe that is still there was answered. The upgrade is completed, since the client fetches queued frames only
            // on its new transport.
            Input::ProbePacket(packet) => {
                let outputs = self.probe_packet(packet, now);
                if !self.transport.capabilities().waits_for_requests {
                    self.phase =
                        SessionPhase::Closing(now + self.patience().to_close(Ending::Flush));
                }
                outputs
            }
            Input::ProbeLost => self.drop_probe(),
            Input::ProbeOpened(_) => Outputs::one(Output::DropProbe),
            _ => Outputs::default(),
        }
    }

    fn set_probe(&mut self, probe: ProbeState) {
        self.change_rare(|rare| rare.probe = probe);
    }

    fn drop_probe(&mut self) -> Outputs {
        self.set_probe(ProbeState::None);
        Outputs::one(Output::DropProbe)
    }

    fn gone(&mut self) -> Outputs {
        self.phase = SessionPhase::Gone;
        Outputs::one(Output::Gone)
    }

    fn open(&mut self, input: Input, now: Instant) -> Outputs {
        match input {
            Input::Packet(packet) => self.packet(packet, now),
            Input::ProbeOpened(to) => {
                if self.transport.can_upgrade_to(to) && self.probe() == ProbeState::None {
                    self.set_probe(ProbeState::Opened {
                        to,
                        by: now + self.config.upgrade_timeout,
                    });
                    return Outputs::default();
                }
                Outputs::one(Output::DropProbe)
            }
            Input::ProbePacket(packet) => self.probe_packet(&packet, now),
            Input::ProbeLost => self.drop_probe(),
            Input::Polled => {
                if self.rare.is_some() {
                    self.change_rare(|rare| rare.probe.polled());
                }
                Outputs::default()
            }
            Input::Lost(reason) => self.close(reason, Ending::Cut, now),
            Input::Close(reason, ending) => self.close(reason, ending, now),
            Input::CloseSent | Input::Finished => Outputs::default(),
            Input::ConnectionEnded { last_answer } => {
                let patience =
                    self.config.poll_again_timeout + self.config.transfer_time(last_answer);
                self.change_rare(|rare| rare.absent_by = now.checked_add(patience));
                Outputs::default()
            }
            Input::Reading(true) => {
                if let Some(paused_at) = self.rare().paused_at {
                    let paused = now.saturating_duration_since(paused_at);
                    if let SessionPhase::Open(heartbeat) = &mut self.phase {
                        heartbeat.rest(paused);
                    }
                    self.change_rare(|rare| {
                        rare.paused_at = None;
                        if let Some(message) = &mut rare.message {
                            message.rest(paused);
                        }
                    });
                }
                Outputs::default()
            }
            Input::Reading(false) => {
                self.change_rare(|rare| _ = rare.paused_at.get_or_insert(now));
                Outputs::default()
            }
            Input::Partial => {
                let begun = Headway::begin(now);
                self.change_rare(|rare| _ = rare.message.get_or_insert(begun));
                Outputs::default()
            }
            Input::Stalled => {
                let begun = Headway::begin(now);
                self.change_rare(|rare| _ = rare.write.get_or_insert(begun));
                Outputs::default()
            }
            Input::Tick => self.tick(now),
        }
    }

    fn packet(&mut self, packet: EnginePacket, now: Instant) -> Outputs {
        match packet {
            // The task gives messages to the layer above.
            EnginePacket::Message(_) => Outputs::default(),
            EnginePacket::Pong(_) => {
                if let SessionPhase::Open(heartbeat) = &mut self.phase {
                    heartbeat.pong(self.config.ping_interval, now);
                }
                Outputs::default()
            }
            EnginePacket::Close => {
                let closed = self.close(CloseReason::TransportClose, Ending::Cut, now);
                if self.transport.capabilities().waits_for_requests {
                    self.phase = SessionPhase::Closing(now + FAREWELL);
                }
                closed
            }
            // Protocol section "Heartbeat": since revision 4 only the server sends pings.
            EnginePacket::Ping(_) => self.close(CloseReason::TransportError, Ending::Cut, now),
            EnginePacket::Open(_) | EnginePacket::Upgrade | EnginePacket::Noop => {
                self.close(CloseReason::ParseError, Ending::Cut, now)
            }
        }
    }

    fn probe_packet(&mut self, packet: &EnginePacket, now: Instant) -> Outputs {
        match (self.probe(), packet) {
            (
                ProbeState::Opened { to, by } | ProbeState::Answered { to, by, .. },
                EnginePacket::Ping(data),
            ) if data.as_ref() == b"probe" => {
                self.set_probe(ProbeState::released(to, by, now));
                Outputs::two(Output::ProbePong, Output::ReleasePoll)
            }
            (ProbeState::Answered { to, .. }, EnginePacket::Upgrade) => {
                self.set_probe(ProbeState::None);
                self.transport = to;
                Outputs::two(Output::ReleasePoll, Output::Upgrade)
            }
            _ => self.drop_probe(),
        }
    }

    fn tick(&mut self, now: Instant) -> Outputs {
        let due = |at: Instant| now >= at;
        let rare = self.rare();
        let is_read = rare.paused_at.is_none();
        let write_ends = |write: Headway| write.ends(self.config.write_timeout);
        if rare.write.map(write_ends).is_some_and(due) {
            return self.close(CloseReason::SlowConsumer, Ending::Cut, now);
        }
        let message_ends = |message: Headway| message.ends(self.config.message_timeout);
        if is_read && rare.message.map(message_ends).is_some_and(due) {
            return self.close(CloseReason::TransportError, Ending::Cut, now);
        }
        if rare.absent_by.is_some_and(due) {
            return self.close(CloseReason::TransportClose, Ending::Cut, now);
        }
        if let SessionPhase::Open(heartbeat) = &mut self.phase {
            if is_read && heartbeat.is_missed(now) {
                return self.close(CloseReason::PingTimeout, Ending::Cut, now);
            }
            if heartbeat.ping(self.config.ping_timeout, now) {
                return Outputs::one(Output::Ping);
            }
        }
        match rare.probe {
            ProbeState::Opened { by, .. } | ProbeState::Answered { by, .. } if due(by) => {
                self.drop_probe()
            }
            ProbeState::Answered {
                to,
                by,
                noop_at,
                polled: true,
            } if due(noop_at) => {
                self.set_probe(ProbeState::released(to, by, now));
                Outputs::one(Output::ReleasePoll)
            }
            _ => Outputs::default(),
        }
    }

    fn close(&mut self, reason: CloseReason, ending: Ending, now: Instant) -> Outputs {
        // What stalled before this is not held against the closing session.
        self.wrote();
        self.shuts_down = reason == CloseReason::ServerShuttingDown;
        self.phase = SessionPhase::Closing(now + self.patience().to_close(ending));
        let closed = Output::Closed { reason, ending };
        match self.probe() {
            ProbeState::None => Outputs::one(closed),
            // The client has paused its polls, or is about to, and sends `5` next. It never polls again, so queued frames
            // can reach it only on the probe.
            ProbeState::Answered { .. } if ending == Ending::Flush => Outputs::one(closed),
            ProbeState::Opened { .. } | ProbeState::Answered { .. } => {
                self.set_probe(ProbeState::None);
                Outputs::two(Output::DropProbe, closed)
            }
        }
    }
}
