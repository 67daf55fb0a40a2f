//! The rules of one Engine.IO session, as data: `(state, input, now) -> outputs`.
//!
//! No clock, no task, no bytes: time is an argument, so every race of the heartbeat and of the upgrade can be
//! played in a test. [`Machine::deadline`] says when the next [`Input::Tick`] is due.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{CloseReason, EngineConfig, ending::Ending, transport_kind::TransportKind};
use crate::wire::EnginePacket;

/// How often a waiting poll is answered with a noop while a probe is open. The client may send one more poll before it
/// pauses, so one noop is not enough. The reference repeats it every 100 ms, which delays an upgrade that just misses one.
/// The deadline is set only while a poll waits: most upgrades are through before the next poll.
const PROBE_NOOP: Duration = Duration::from_millis(20);

/// How long a session whose client sent a close packet in a POST waits for the poll that the client sent beside it. The two
/// race on different connections, and the poll is answered with a noop.
const FAREWELL: Duration = Duration::from_millis(20);

/// How late a ping may be sent for its pong to be due as if it had been punctual (or half the ping timeout, if that is
/// less). If the ping is later, because the machine is overloaded, the client gets the whole timeout from then on.
const PUNCTUAL: Duration = Duration::from_millis(100);

/// What happens to a session.
#[derive(Debug)]
pub(crate) enum Input {
    /// A packet arrived on the transport in use. Messages may be left out: no rule depends on them.
    Packet(EnginePacket),
    /// The client has connected a transport that the session may move to, the probe.
    ProbeOpened(TransportKind),
    /// A packet arrived on the probe.
    ProbePacket(EnginePacket),
    /// The probe is gone.
    ProbeLost,
    /// A poll waits. Matters only while there is a probe.
    Polled,
    /// The transport in use is gone, or broke its rules.
    Lost(CloseReason),
    /// The layer above ends the session.
    Close(CloseReason, Ending),
    /// A closing transport has sent everything, its close frame included. The client has not answered it.
    CloseSent,
    /// A closing transport has nothing left to do.
    Finished,
    /// The server stopped (false) or resumed (true) reading, because the layer above was full.
    Reading(bool),
    /// A message has begun to arrive and is not complete. See [`Machine::completed`].
    Partial,
    /// Something waits to be written and the transport does not take it. See [`Machine::wrote`].
    Stalled,
    /// The deadline has come.
    Tick,
}

/// What a session must do about it.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Send a ping.
    Ping,
    /// Answer `3probe` on the probe.
    ProbePong,
    /// Answer a waiting poll, with a noop if there is nothing else.
    ReleasePoll,
    /// The probe becomes the transport.
    Upgrade,
    /// Close the probe. The session goes on.
    DropProbe,
    /// The session is over, and the transport closes.
    Closed { reason: CloseReason, ending: Ending },
    /// Drop the transport.
    Gone,
}

/// The outputs of one input: at most two.
#[derive(Debug, Default)]
pub(crate) struct Outputs([Option<Output>; 2]);

impl Outputs {
    fn one(output: Output) -> Self {
        Self([Some(output), None])
    }

    fn two(first: Output, second: Output) -> Self {
        Self([Some(first), Some(second)])
    }
}

impl IntoIterator for Outputs {
    type Item = Output;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Output>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum SessionPhase {
    Open,
    /// Over for the layer above. The transport is closing, until this time at the latest.
    Closing(Instant),
    Gone,
}

/// What the heartbeat waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Heartbeat {
    /// The time of the next ping.
    Ping,
    /// The client's pong.
    Pong,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum ProbeState {
    #[default]
    None,
    /// `2probe` has not come yet.
    Opened { to: TransportKind, by: Instant },
    /// `3probe` was sent. Polls are released until `5` comes.
    Answered {
        to: TransportKind,
        by: Instant,
        /// When a poll that waits is answered with a noop.
        noop_at: Instant,
        /// Whether a poll waits.
        polled: bool,
    },
}

impl ProbeState {
    /// `3probe` was sent, and no poll waits any more.
    fn released(to: TransportKind, by: Instant, now: Instant) -> Self {
        Self::Answered {
            to,
            by,
            noop_at: now + PROBE_NOOP,
            polled: false,
        }
    }

    /// When the probe times out.
    fn ends(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Opened { by, .. } | Self::Answered { by, .. } => Some(by),
        }
    }
}

/// The state of one session.
#[derive(Debug)]
pub(crate) struct Machine {
    config: Arc<EngineConfig>,
    phase: SessionPhase,
    transport: TransportKind,
    beat: Heartbeat,
    /// When the ping is sent, or the pong must have come.
    beat_at: Instant,
    /// `None` while it has its default value.
    rare: Option<Box<RareState>>,
}

/// Rarely used state, boxed to keep idle sessions small.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct RareState {
    probe: ProbeState,
    paused_at: Option<Instant>,
    message_by: Option<Instant>,
    write_by: Option<Instant>,
}

impl Machine {
    /// A session that has just been opened. The heartbeat starts here, before the client has the handshake:
    /// the protocol suites measure from it.
    pub(crate) fn new(config: Arc<EngineConfig>, transport: TransportKind, now: Instant) -> Self {
        Self {
            beat: Heartbeat::Ping,
            beat_at: now + config.ping_interval,
            config,
            phase: SessionPhase::Open,
            transport,
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
            self.change_rare(|rare| rare.message_by = None);
        }
    }

    /// Writing made progress, or there is nothing to write.
    pub(crate) fn wrote(&mut self) {
        if self.rare.is_some() {
            self.change_rare(|rare| rare.write_by = None);
        }
    }

    pub(crate) fn transport(&self) -> TransportKind {
        self.transport
    }

    /// How long a client may take to answer a close frame.
    fn answer_timeout(&self) -> Duration {
        self.config.close_timeout / 6
    }

    /// Whether messages are still taken from the client.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == SessionPhase::Open
    }

    /// Whether nothing is left to do for the transport.
    pub(crate) fn is_gone(&self) -> bool {
        self.phase == SessionPhase::Gone
    }

    /// When the next [`Input::Tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            SessionPhase::Gone => return None,
            SessionPhase::Closing(by) => {
                return [Some(by), self.probe().ends()].into_iter().flatten().min();
            }
            SessionPhase::Open => {}
        }
        let Some(rare) = self.rare.as_deref() else {
            return Some(self.beat_at);
        };
        let is_read = rare.paused_at.is_none();
        // While the server does not read, it can't see a pong that has arrived.
        let beat_at = (is_read || self.beat == Heartbeat::Ping).then_some(self.beat_at);
        let probe = match rare.probe {
            ProbeState::None => None,
            ProbeState::Opened { by, .. } => Some(by),
            ProbeState::Answered {
                by,
                noop_at,
                polled: true,
                ..
            } => Some(by.min(noop_at)),
            ProbeState::Answered { by, .. } => Some(by),
        };
        let message_by = rare.message_by.filter(|_| is_read);
        [beat_at, probe, message_by, rare.write_by]
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
            SessionPhase::Open => self.open(input, now),
        }
    }

    fn closing(&mut self, input: &Input, by: Instant, now: Instant) -> Outputs {
        match input {
            Input::Finished | Input::Lost(_) | Input::Close(_, Ending::Cut) => self.gone(),
            Input::CloseSent => {
                self.phase = SessionPhase::Closing(by.min(now + self.answer_timeout()));
                Outputs::default()
            }
            Input::Tick if now >= by => self.gone(),
            Input::Tick if self.probe().ends().is_some_and(|at| now >= at) => self.drop_probe(),
            // A probe that is still there was answered. The upgrade is completed, since the client fetches queued frames only
            // on its new transport.
            Input::ProbePacket(packet) => self.probe_packet(packet, now),
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
                if let ProbeState::Answered {
                    to, by, noop_at, ..
                } = self.probe()
                {
                    self.set_probe(ProbeState::Answered {
                        to,
                        by,
                        noop_at,
                        polled: true,
                    });
                }
                Outputs::default()
            }
            Input::Lost(reason) => self.close(reason, Ending::Cut, now),
            Input::Close(reason, ending) => self.close(reason, ending, now),
            Input::CloseSent | Input::Finished => Outputs::default(),
            Input::Reading(true) => {
                if let Some(paused_at) = self.rare().paused_at {
                    let paused = now.saturating_duration_since(paused_at);
                    if self.beat == Heartbeat::Pong {
                        self.beat_at += paused;
                    }
                    self.change_rare(|rare| {
                        rare.paused_at = None;
                        if let Some(by) = &mut rare.message_by {
                            *by += paused;
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
                let by = now + self.config.message_timeout;
                self.change_rare(|rare| _ = rare.message_by.get_or_insert(by));
                Outputs::default()
            }
            Input::Stalled => {
                let by = now + self.config.write_timeout;
                self.change_rare(|rare| _ = rare.write_by.get_or_insert(by));
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
                // A pong without a ping moves no timer.
                if self.beat == Heartbeat::Pong {
                    self.beat = Heartbeat::Ping;
                    self.beat_at = now + self.config.ping_interval;
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
        if rare.write_by.is_some_and(due) {
            return self.close(CloseReason::SlowConsumer, Ending::Cut, now);
        }
        if rare.paused_at.is_none() && rare.message_by.is_some_and(due) {
            return self.close(CloseReason::TransportError, Ending::Cut, now);
        }
        let at = self.beat_at;
        match self.beat {
            Heartbeat::Pong if due(at) && rare.paused_at.is_none() => {
                return self.close(CloseReason::PingTimeout, Ending::Cut, now);
            }
            Heartbeat::Ping if due(at) => {
                let late = now.saturating_duration_since(at);
                let punctual = late <= PUNCTUAL.min(self.config.ping_timeout / 2);
                let sent = if punctual { at } else { now };
                self.beat = Heartbeat::Pong;
                self.beat_at = sent + self.config.ping_timeout;
                return Outputs::one(Output::Ping);
            }
            _ => {}
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
        // With nothing left to deliver a client need only answer the close frame.
        let has_close_handshake = self.transport.capabilities().has_close_handshake;
        let patience = if ending == Ending::Cut && has_close_handshake {
            self.answer_timeout()
        } else {
            self.config.close_timeout
        };
        self.phase = SessionPhase::Closing(now + patience);
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

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
