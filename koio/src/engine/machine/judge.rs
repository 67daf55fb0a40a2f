//! What a session's client owes, by when, and when it is judged.

use std::time::{Duration, Instant};

use super::{
    headway::{Headway, Pace},
    heartbeat::{Heartbeat, punctual},
    machine::{Machine, SessionPhase},
    output::{Output, Outputs},
    probe::ProbeState,
    rare::{ArrivingMessage, Late, Leaving, RareState},
};
use crate::engine::{
    CloseReason, breach::Breach, ending::Ending, missed_deadline::MissedDeadline,
    transport::Arriving,
};

impl Machine {
    /// The message that had begun to arrive is complete.
    pub(crate) fn completed(&mut self, now: Instant) {
        if let Some(message) = self.rare.as_ref().and_then(|rare| rare.message) {
            self.rest_heartbeat(message.headway.pause(now));
            self.change_rare(|rare| rare.message = None);
        }
    }

    /// How much has arrived of a message, as far as the machine knows, and whether the transport judges it.
    pub(crate) fn arrived(&self) -> Option<(u64, bool)> {
        let message = self.rare.as_ref()?.message?;
        Some((message.headway.bytes(), message.is_judged))
    }

    /// More of a message has arrived. The client's pong may wait behind it.
    pub(super) fn arriving(&mut self, arriving: Arriving, now: Instant) {
        let Arriving {
            bytes,
            expected,
            is_judged,
        } = arriving;
        let begun = self.rare.as_ref().and_then(|rare| rare.message);
        let headway = match begun {
            None => Headway::begin(bytes, now),
            // The transport judged what arrived before.
            Some(message) if message.is_judged && !is_judged => {
                self.rest_heartbeat(message.headway.pause(now));
                Headway::begin(bytes, now)
            }
            Some(ArrivingMessage { mut headway, .. }) => {
                if bytes != headway.bytes() {
                    self.rest_heartbeat(headway.pause(now));
                }
                headway.reach(bytes, now);
                headway
            }
        };
        let message = ArrivingMessage {
            headway,
            expected,
            is_judged,
        };
        self.change_rare(|rare| rare.message = Some(message));
    }

    /// The client gets more time for its pong.
    pub(super) fn rest_heartbeat(&mut self, time: Duration) {
        if let SessionPhase::Open(heartbeat) = &mut self.phase {
            heartbeat.rest(time);
        }
    }

    /// The time that the client has for its pong, or for its next ping.
    pub(super) fn heartbeat_time(&self) -> Duration {
        match &self.phase {
            SessionPhase::Open(heartbeat) if heartbeat.is_of_client() => {
                self.config.client_ping_time()
            }
            _ => self.config.ping_timeout,
        }
    }

    /// Whether the client's pong, or its ping, has not come in its time.
    pub(crate) fn misses_pong(&self, now: Instant) -> bool {
        match &self.phase {
            SessionPhase::Open(heartbeat) => heartbeat.missed(self.heartbeat_time(), now).is_some(),
            SessionPhase::Closing(_) | SessionPhase::Gone => false,
        }
    }

    /// The ping waits behind bytes that are leaving by another task, which cuts them if they do not: the pong has its time
    /// from now on.
    pub(crate) fn await_pong_again(&mut self, now: Instant) {
        let time = self.heartbeat_time();
        if let SessionPhase::Open(heartbeat) = &mut self.phase {
            let waited = heartbeat.missed(time, now).unwrap_or_default();
            heartbeat.rest(waited);
        }
    }

    fn message_pace(&self) -> Pace {
        self.config.message_pace()
    }

    pub(super) fn write_pace(&self) -> Pace {
        Pace {
            pause: self.config.write_timeout,
            min_rate: None,
        }
    }

    /// When the next [`Input::Tick`](super::input::Input::Tick) is due.
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
        let judged = |at: Instant| match rare.late {
            Some(late) => at.max(late.until),
            None => at,
        };
        let owed = self.owed(heartbeat, rare).map(judged);
        let ping = (!heartbeat.is_owed()).then_some(heartbeat.at());
        let try_at = rare.write.map(|write| write.try_at);
        [owed, ping, rare.probe.noop_at(), try_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the client must have sent or taken the next thing that it owes.
    fn owed(&self, heartbeat: &Heartbeat, rare: &RareState) -> Option<Instant> {
        // While the server does not read, it can't see a pong that has arrived. A pong may also wait behind a message that
        // is arriving, and the ping behind what the client has not taken.
        let is_read = rare.paused_at.is_none();
        let may_see_pong = is_read && rare.message.is_none() && rare.write.is_none();
        let pong = (may_see_pong && heartbeat.is_owed()).then_some(heartbeat.at());
        let message = rare.message.filter(|message| is_read && !message.is_judged);
        let message = message.map(|message| message.headway.deadline(self.message_pace()));
        let write = rare
            .write
            .map(|write| write.headway.deadline(self.write_pace()));
        let absent_by = rare.absent.map(|absent| absent.by);
        [pong, message, write, absent_by, rare.probe.ends()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due. The client is judged last, and only by what was read when everything that has arrived was.
    pub(super) fn tick(&mut self, caught_up: bool, now: Instant) -> Outputs {
        if let SessionPhase::Open(heartbeat) = &mut self.phase
            && heartbeat.ping(self.config.ping_timeout, now)
        {
            if self.rare.is_some() {
                self.change_rare(|rare| rare.late = None);
            }
            return Outputs::one(Output::Ping);
        }
        let probe = self.probe();
        if let ProbeState::Answered { to, by, .. } = probe
            && probe.noop_at().is_some_and(|at| now >= at && now < by)
        {
            self.set_probe(ProbeState::released(to, by, now));
            return Outputs::one(Output::ReleasePoll);
        }
        if let Some(write) = self.rare().write
            && now >= write.try_at
        {
            let try_at = self.next_try(now);
            self.change_rare(|rare| rare.write = Some(Leaving { try_at, ..write }));
            return Outputs::one(Output::TryWrite);
        }
        if caught_up && !self.is_late(now) {
            return self.judge(now);
        }
        Outputs::default()
    }

    /// Whether the machine is late: the server has stood still, and what the client sent meanwhile may not have arrived here,
    /// even if the transport has nothing more to read (a POST comes by another task). Then the client is judged a little
    /// later, but at the latest when as much time has passed as a pong may take.
    fn is_late(&mut self, now: Instant) -> bool {
        let SessionPhase::Open(heartbeat) = &self.phase else {
            return false;
        };
        let rare = self.rare();
        let Some(owed) = self.owed(heartbeat, &rare) else {
            return false;
        };
        // It may have been late for something else, long ago.
        let late = rare.late.filter(|late| owed <= late.until);
        let due = late.map_or(owed, |late| late.until);
        let since = late.map_or(now, |late| late.since);
        let grace = punctual(self.config.ping_timeout);
        let waited = now.saturating_duration_since(since);
        if now.saturating_duration_since(due) <= grace || waited > self.config.ping_timeout {
            return now < due;
        }
        self.change_rare(|rare| {
            rare.late = Some(Late {
                since,
                until: now + grace,
            });
            // The server, too, was slow to take it.
            if let Some(message) = &mut rare.message {
                message.headway.restart(now);
            }
        });
        true
    }

    /// Ends what the client has not done in time.
    fn judge(&mut self, now: Instant) -> Outputs {
        let due = |at: Instant| now >= at;
        let rare = self.rare();
        if rare.late.is_some() {
            self.change_rare(|rare| rare.late = None);
        }
        if let Some(absent) = rare.absent.filter(|absent| due(absent.by)) {
            let waited = now.saturating_duration_since(absent.since);
            let missed = MissedDeadline::request(waited, self.config.poll_again_timeout);
            let closed = self.close(CloseReason::TransportClose, Ending::Cut, now);
            return closed.after(Output::Missed(missed));
        }
        let is_read = rare.paused_at.is_none();
        if let Some(mut write) = rare.write
            && write.headway.judge(self.write_pace(), now).is_some()
        {
            return self.close(CloseReason::SlowConsumer, Ending::Cut, now);
        }
        if let Some(mut message) = rare.message
            && is_read
        {
            let pace = self.message_pace();
            let halt = message.headway.judge(pace, now);
            if let Some(halt) = halt.filter(|_| !message.is_judged) {
                let breach = Breach::of_message(halt, pace, message.expected);
                let closed = self.close(CloseReason::TransportError, Ending::Cut, now);
                return closed.after(Output::Exceeded(breach));
            }
            self.change_rare(|rare| rare.message = Some(message));
        } else if let SessionPhase::Open(heartbeat) = &self.phase
            && is_read
            && rare.write.is_none()
            && let Some(waited) = heartbeat.missed(self.heartbeat_time(), now)
        {
            let missed = match heartbeat.is_of_client() {
                false => MissedDeadline::pong(waited, self.config.ping_timeout),
                true => MissedDeadline::ping(waited, self.heartbeat_time()),
            };
            let closed = self.close(CloseReason::PingTimeout, Ending::Cut, now);
            return closed.after(Output::Missed(missed));
        }
        if rare.probe.ends().is_some_and(due) {
            return self.drop_probe();
        }
        Outputs::default()
    }
}
