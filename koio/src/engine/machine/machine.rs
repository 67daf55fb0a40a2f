//! The state of a session, and what each input does to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    closing::{Granted, Patience},
    headway::{Headway, Pace},
    heartbeat::Heartbeat,
    input::Input,
    output::{Output, Outputs},
    probe::ProbeState,
    rare::{Absence, ClosingGrant, Leaving, RareState},
};
use crate::{
    engine::{
        CloseReason, EngineConfig, config::between_tries, ending::Ending,
        missed_deadline::FOR_LAST_ANSWER, transport_kind::TransportKind,
    },
    wire::{EnginePacket, Revision},
};

/// How long a session whose client sent a close packet in a POST waits for the poll that the client sent beside it. The two
/// race on different connections, and the poll is answered with a noop.
const FAREWELL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) enum SessionPhase {
    /// Only an open session has a heartbeat. Apart from the phase it would cost 16 bytes of each idle session.
    Open(Heartbeat),
    /// Over for the layer above. The transport is closing, until this time at the latest.
    Closing(Instant),
    Gone,
}

/// The state of one session.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) config: Arc<EngineConfig>,
    pub(super) phase: SessionPhase,
    transport: TransportKind,
    /// Whether it closes because the server shuts down.
    shuts_down: bool,
    /// `None` while it has its default value.
    pub(super) rare: Option<Box<RareState>>,
}

impl Machine {
    /// A session that has just been opened. The heartbeat starts here, before the client has the handshake:
    /// the protocol suites measure from it.
    pub(crate) fn new(
        config: Arc<EngineConfig>,
        transport: TransportKind,
        revision: Revision,
        now: Instant,
    ) -> Self {
        let heartbeat = match revision {
            Revision::Four => Heartbeat::new(config.ping_interval, now),
            Revision::Three { .. } => Heartbeat::of_client(config.client_ping_time(), now),
        };
        Self {
            phase: SessionPhase::Open(heartbeat),
            config,
            transport,
            shuts_down: false,
            rare: None,
        }
    }

    /// The limits of its session.
    pub(crate) fn config(&self) -> &EngineConfig {
        &self.config
    }

    pub(super) fn rare(&self) -> RareState {
        self.rare.as_deref().copied().unwrap_or_default()
    }

    pub(super) fn probe(&self) -> ProbeState {
        self.rare
            .as_ref()
            .map_or(ProbeState::None, |rare| rare.probe)
    }

    /// Changes the rarely used state.
    pub(super) fn change_rare(&mut self, change: impl FnOnce(&mut RareState)) {
        change(self.rare.get_or_insert_default());
        self.rare.take_if(|rare| **rare == RareState::default());
    }

    /// Whether something waits to be written that the transport has not taken.
    pub(crate) fn is_stalled(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.write.is_some())
    }

    /// Writing made progress, or there is nothing to write. A ping may have waited behind what was written, so its pong gets
    /// as much time.
    pub(crate) fn wrote(&mut self, now: Instant) {
        if let Some(write) = self.rare.as_ref().and_then(|rare| rare.write) {
            self.rest_heartbeat(write.headway.pause(now));
            self.change_rare(|rare| rare.write = None);
        }
    }

    fn stalled(&mut self, now: Instant) {
        let begun = Leaving {
            headway: Headway::begin(0, now),
            try_at: self.next_try(now),
        };
        self.change_rare(|rare| _ = rare.write.get_or_insert(begun));
    }

    /// When a connection that is busy now is tried next.
    pub(super) fn next_try(&self, now: Instant) -> Instant {
        now + between_tries(self.config.write_timeout)
    }

    /// When a client whose connection has ended is taken for gone, unless it has [returned](Self::returned).
    pub(crate) fn absent_by(&self) -> Option<Instant> {
        Some(self.rare.as_deref()?.absent?.by)
    }

    /// The client has made another request.
    pub(crate) fn returned(&mut self) {
        self.change_rare(|rare| rare.absent = None);
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
    pub(super) fn close_stalls(&self) -> Option<Instant> {
        let write = self.rare.as_deref()?.write?;
        let pace = Pace {
            pause: self.patience().for_progress().time,
            min_rate: None,
        };
        Some(write.headway.deadline(pace))
    }

    /// The client of a closing session may still be receiving so many bytes, and comes for the rest only then.
    pub(crate) fn delivers(&mut self, bytes: usize, now: Instant) {
        let longest = now + self.config.close_timeout;
        let more = self.config.transfer_time(bytes);
        if let SessionPhase::Closing(by) = &mut self.phase
            && !more.is_zero()
        {
            *by = longest.min(*by + more);
            self.change_rare(|rare| {
                if let Some(closing) = &mut rare.closing {
                    closing.granted = closing.granted.because(FOR_LAST_ANSWER);
                }
            });
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
                self.grant_less(self.patience().to_close(Ending::Flush), by, now);
                Outputs::default()
            }
            Input::CloseSent => {
                self.grant_less(self.patience().for_answer(), by, now);
                Outputs::default()
            }
            Input::Tick { .. } if now >= by => self.give_up(None, now),
            Input::Tick { .. } if self.close_stalls().is_some_and(|at| now >= at) => {
                self.give_up(Some(self.patience().for_progress()), now)
            }
            Input::Tick { .. } if self.probe().ends().is_some_and(|at| now >= at) => {
                self.drop_probe()
            }
            Input::Stalled => {
                self.stalled(now);
                Outputs::default()
            }
            // A probe that is still there was answered. The upgrade is completed, since the client fetches queued frames only
            // on its new transport.
            Input::ProbePacket(packet) => {
                let outputs = self.probe_packet(packet, now);
                if !self.transport.capabilities().waits_for_requests {
                    self.grant(self.patience().to_close(Ending::Flush), now);
                }
                outputs
            }
            Input::ProbeLost => self.drop_probe(),
            Input::ProbeOpened(_) => Outputs::one(Output::DropProbe),
            _ => Outputs::default(),
        }
    }

    pub(super) fn set_probe(&mut self, probe: ProbeState) {
        self.change_rare(|rare| rare.probe = probe);
    }

    pub(super) fn drop_probe(&mut self) -> Outputs {
        self.set_probe(ProbeState::None);
        Outputs::one(Output::DropProbe)
    }

    /// The closing session waits so long for its client.
    fn grant(&mut self, granted: Granted, now: Instant) {
        self.phase = SessionPhase::Closing(now + granted.time);
        let closing = ClosingGrant {
            since: now,
            granted,
        };
        self.change_rare(|rare| rare.closing = Some(closing));
    }

    /// The session, which waits until `by`, waits only so long if that is less. One that is cut is not granted anything.
    fn grant_less(&mut self, granted: Granted, by: Instant, now: Instant) {
        if now + granted.time >= by {
            return;
        }
        if self.rare().closing.is_some() {
            self.grant(granted, now);
        } else {
            self.phase = SessionPhase::Closing(now + granted.time);
        }
    }

    /// The client has not done what the closing session waits for. `stalls`: it takes nothing. Why a session is cut was said
    /// before.
    fn give_up(&mut self, stalls: Option<Granted>, now: Instant) -> Outputs {
        let rare = self.rare();
        let stalled = stalls.zip(rare.write);
        let missed = rare.closing.map(|closing| match stalled {
            Some((granted, write)) => granted.missed(write.headway.pause(now)),
            None => {
                let waited = now.saturating_duration_since(closing.since);
                closing.granted.missed(waited)
            }
        });
        let gone = self.gone();
        match missed {
            Some(missed) => gone.after(Output::Missed(missed)),
            None => gone,
        }
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
                let absent = now
                    .checked_add(patience)
                    .map(|by| Absence { since: now, by });
                self.change_rare(|rare| rare.absent = absent);
                Outputs::default()
            }
            Input::Reading(true) => {
                if let Some(paused_at) = self.rare().paused_at {
                    let paused = now.saturating_duration_since(paused_at);
                    self.rest_heartbeat(paused);
                    self.change_rare(|rare| {
                        rare.paused_at = None;
                        if let Some(message) = &mut rare.message {
                            message.headway.rest(paused);
                        }
                    });
                }
                Outputs::default()
            }
            Input::Reading(false) => {
                self.change_rare(|rare| _ = rare.paused_at.get_or_insert(now));
                Outputs::default()
            }
            Input::Arriving(arriving) => {
                self.arriving(arriving, now);
                Outputs::default()
            }
            Input::Stalled => {
                self.stalled(now);
                Outputs::default()
            }
            Input::Tick { caught_up } => self.tick(caught_up, now),
        }
    }

    fn packet(&mut self, packet: EnginePacket, now: Instant) -> Outputs {
        match packet {
            // The task gives messages to the layer above.
            EnginePacket::Message(_) => Outputs::default(),
            EnginePacket::Pong(_) => {
                if let SessionPhase::Open(heartbeat) = &mut self.phase {
                    if heartbeat.is_of_client() {
                        return self.wrong_heartbeat(
                            "the client sent a pong, which is the server's in EIO=3",
                            now,
                        );
                    }
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
            EnginePacket::Ping(_) => {
                if let SessionPhase::Open(heartbeat) = &mut self.phase
                    && heartbeat.is_of_client()
                {
                    *heartbeat = Heartbeat::of_client(self.config.client_ping_time(), now);
                    return Outputs::one(Output::Pong);
                }
                self.wrong_heartbeat(
                    "the client sent a ping, which is the server's since EIO=4",
                    now,
                )
            }
            // The reference ignores these too. Devices send `5` on a WebSocket that needs none, and `6` to keep it alive.
            EnginePacket::Open(_) => Outputs::one(Output::Ignored("open")),
            EnginePacket::Upgrade => Outputs::one(Output::Ignored("upgrade")),
            EnginePacket::Noop => Outputs::one(Output::Ignored("noop")),
        }
    }

    fn wrong_heartbeat(&mut self, rule: &'static str, now: Instant) -> Outputs {
        let closed = self.close(CloseReason::TransportError, Ending::Cut, now);
        closed.after(Output::Broken(rule))
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
            // Also without `2probe` before it: a client that has no poll under way need not ask. In the reference as well.
            (
                ProbeState::Opened { to, .. } | ProbeState::Answered { to, .. },
                EnginePacket::Upgrade,
            ) => {
                self.set_probe(ProbeState::None);
                self.transport = to;
                Outputs::two(Output::ReleasePoll, Output::Upgrade)
            }
            _ => self.drop_probe(),
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason, ending: Ending, now: Instant) -> Outputs {
        // What stalled before this is not held against the closing session.
        self.wrote(now);
        self.shuts_down = reason == CloseReason::ServerShuttingDown;
        let granted = self.patience().to_close(ending);
        match ending {
            Ending::Flush => self.grant(granted, now),
            Ending::Cut => self.phase = SessionPhase::Closing(now + granted.time),
        }
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
