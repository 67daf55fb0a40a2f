//! Sessions that are played in time that the test decides.

mod client_pings;
mod closing;
mod judge;

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{rare::RareState, *};
use crate::{
    engine::{CloseReason, EngineConfig, ending::Ending, transport_kind::TransportKind},
    wire::{EnginePacket, Revision},
};

const MS: Duration = Duration::from_millis(1);

fn config() -> EngineConfig {
    EngineConfig {
        ping_interval: 300 * MS,
        ping_timeout: 200 * MS,
        ..EngineConfig::default()
    }
}

const TICK: Input = Input::Tick { caught_up: true };

struct Played {
    machine: Machine,
    now: Instant,
}

impl Played {
    fn new(transport: TransportKind) -> Self {
        Self::of(config(), transport)
    }

    /// With a heartbeat that is too slow to matter in a test.
    fn quiet(transport: TransportKind) -> Self {
        let config = EngineConfig {
            ping_interval: Duration::from_secs(60),
            ..config()
        };
        Self::of(config, transport)
    }

    fn of(config: EngineConfig, transport: TransportKind) -> Self {
        let now = Instant::now();
        Self {
            machine: Machine::new(config.into(), transport, Revision::Four, now),
            now,
        }
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        self.machine.handle(input, self.now).into_iter().collect()
    }

    /// Lets time pass, ticking at every deadline on the way.
    fn wait(&mut self, time: Duration) -> Vec<Output> {
        let end = self.now + time;
        let mut all = Vec::new();
        while let Some(at) = self.machine.deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let outputs = self.machine.handle(TICK, self.now).into_iter();
            // The connection of these tests takes nothing.
            all.extend(outputs.filter(|output| *output != Output::TryWrite));
        }
        self.now = end;
        all
    }
}

fn closed(reason: CloseReason) -> Vec<Output> {
    vec![Output::Closed {
        reason,
        ending: Ending::Cut,
    }]
}

/// What was missed first, in these words. Returns the outputs behind it.
fn missed(mut outputs: Vec<Output>, words: &str) -> Vec<Output> {
    match outputs.remove(0) {
        Output::Missed(missed) => assert_eq!(missed.to_string(), words),
        other => panic!("{other:?}"),
    }
    outputs
}

const PONG: &str = "no pong came in 200ms (ping_timeout 200ms)";

fn text(text: &str) -> EnginePacket {
    EnginePacket::Message(crate::wire::Message::Text(Bytes::copy_from_slice(
        text.as_bytes(),
    )))
}

fn probe() -> EnginePacket {
    EnginePacket::Ping(Bytes::from_static(b"probe"))
}

fn pong() -> Input {
    Input::Packet(EnginePacket::Pong(Bytes::new()))
}

#[test]
fn a_ping_follows_the_interval_and_the_next_one_follows_the_pong() {
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(session.wait(299 * MS), []);
    assert_eq!(session.wait(MS), [Output::Ping]);
    session.wait(100 * MS);
    assert_eq!(session.give(pong()), []);
    assert_eq!(session.wait(299 * MS), []);
    assert_eq!(session.wait(MS), [Output::Ping]);
}

#[test]
fn an_unanswered_ping_ends_the_session_in_time() {
    let mut session = Played::new(TransportKind::Polling);
    assert_eq!(session.wait(499 * MS), [Output::Ping]);
    let ended = session.wait(MS);
    assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
}

#[test]
fn an_unasked_pong_moves_no_timer() {
    let mut session = Played::new(TransportKind::WebSocket);
    session.wait(200 * MS);
    assert_eq!(session.give(pong()), []);
    assert_eq!(session.wait(100 * MS), [Output::Ping]);
}

#[test]
fn a_client_that_pings_ends_with_a_transport_error() {
    let mut session = Played::new(TransportKind::WebSocket);
    let ping = Input::Packet(EnginePacket::Ping(Bytes::new()));
    let mut outputs = session.give(ping);
    assert!(matches!(outputs.remove(0), Output::Broken(rule) if rule.contains("a ping")));
    assert_eq!(outputs, closed(CloseReason::TransportError));
}

#[test]
fn packets_that_only_a_server_sends_are_ignored_and_move_no_timer() {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let mut session = Played::new(transport);
        session.wait(200 * MS);
        for (packet, name) in [
            (EnginePacket::Open(Bytes::from_static(b"{}")), "open"),
            (EnginePacket::Upgrade, "upgrade"),
            (EnginePacket::Noop, "noop"),
        ] {
            assert_eq!(session.give(Input::Packet(packet)), [Output::Ignored(name)]);
        }
        assert_eq!(session.wait(100 * MS), [Output::Ping]);
        let ended = session.wait(200 * MS);
        assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
    }
}

#[test]
fn an_upgrade_without_a_probe_moves_the_session() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    session.give(Input::Polled);
    assert_eq!(
        session.give(Input::ProbePacket(EnginePacket::Upgrade)),
        [Output::ReleasePoll, Output::Upgrade]
    );
    assert_eq!(session.machine.transport(), TransportKind::WebSocket);
    assert_eq!(session.machine.rare(), RareState::default());
}

#[test]
fn a_close_packet_closes_at_once_on_both_transports() {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let mut session = Played::new(transport);
        assert_eq!(
            session.give(Input::Packet(EnginePacket::Close)),
            closed(CloseReason::TransportClose)
        );
        assert_eq!(session.give(Input::Packet(text("late"))), []);
    }
}

#[test]
fn the_upgrade_releases_every_poll_until_the_client_says_upgrade() {
    let mut session = Played::new(TransportKind::Polling);
    assert_eq!(
        session.give(Input::ProbeOpened(TransportKind::WebSocket)),
        []
    );
    assert_eq!(
        session.give(Input::ProbePacket(probe())),
        [Output::ProbePong, Output::ReleasePoll]
    );
    for _ in 0..2 {
        assert_eq!(session.give(Input::Polled), []);
        assert_eq!(session.wait(19 * MS), []);
        assert_eq!(session.wait(MS), [Output::ReleasePoll]);
    }
    assert_eq!(session.wait(100 * MS), []);
    assert_eq!(session.give(Input::Polled), []);
    assert_eq!(session.wait(MS), [Output::ReleasePoll]);
    assert_eq!(session.give(Input::Packet(text("still polling"))), []);
    assert_eq!(
        session.give(Input::ProbePacket(EnginePacket::Upgrade)),
        [Output::ReleasePoll, Output::Upgrade]
    );
    assert_eq!(session.machine.transport(), TransportKind::WebSocket);
    assert_eq!(session.wait(100 * MS), []);
}

#[test]
fn a_heartbeat_under_way_survives_the_upgrade() {
    let mut session = Played::new(TransportKind::Polling);
    assert_eq!(session.wait(300 * MS), [Output::Ping]);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    session.give(Input::ProbePacket(probe()));
    session.give(Input::ProbePacket(EnginePacket::Upgrade));
    let ended = session.wait(200 * MS);
    assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
}

#[test]
fn a_failed_probe_leaves_polling_alone() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    assert_eq!(
        session.give(Input::ProbePacket(EnginePacket::Noop)),
        [Output::DropProbe]
    );
    assert_eq!(session.machine.transport(), TransportKind::Polling);
    assert!(session.machine.is_open());
    // Another probe may follow.
    assert_eq!(
        session.give(Input::ProbeOpened(TransportKind::WebSocket)),
        []
    );
    assert_eq!(session.give(Input::ProbeLost), [Output::DropProbe]);
    assert!(session.machine.is_open());
}

#[test]
fn a_silent_probe_is_cut_at_the_upgrade_timeout() {
    let mut session = Played::quiet(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    assert_eq!(session.wait(9_999 * MS), []);
    assert_eq!(session.wait(MS), [Output::DropProbe]);
    assert!(session.machine.is_open());
}

#[test]
fn a_second_probe_and_a_probe_after_the_upgrade_are_dropped() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    assert_eq!(
        session.give(Input::ProbeOpened(TransportKind::WebSocket)),
        [Output::DropProbe]
    );
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(
        session.give(Input::ProbeOpened(TransportKind::WebSocket)),
        [Output::DropProbe]
    );
}

#[test]
fn closing_while_probing_drops_the_probe_first() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    assert_eq!(
        session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush)),
        [
            Output::DropProbe,
            Output::Closed {
                reason: CloseReason::ForcedClose,
                ending: Ending::Flush
            }
        ]
    );
}

#[test]
fn the_pong_deadline_is_paused_while_the_server_does_not_read() {
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(session.wait(400 * MS), [Output::Ping]);
    session.give(Input::Reading(false));
    assert_eq!(session.wait(5_000 * MS), []);
    session.give(Input::Reading(true));
    assert_eq!(session.wait(99 * MS), []);
    let ended = session.wait(MS);
    assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
}

#[test]
fn a_writer_without_progress_is_a_slow_consumer() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(Input::Stalled);
    session.wait(6_000 * MS);
    session.machine.wrote(session.now);
    session.give(Input::Stalled);
    assert_eq!(session.wait(9_000 * MS), []);
    assert_eq!(session.wait(1_000 * MS), closed(CloseReason::SlowConsumer));
}

#[test]
fn a_busy_connection_is_tried_before_its_client_is_cut_and_progress_counts_from_there() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(Input::Stalled);
    let begun = session.now;
    let mut tries = 0;
    // Each try but the last takes something.
    loop {
        session.now = session.machine.deadline().unwrap();
        match session.give(TICK).pop() {
            Some(Output::TryWrite) if tries < 30 => {
                tries += 1;
                session.machine.wrote(session.now);
                session.give(Input::Stalled);
            }
            Some(Output::TryWrite) | None => {}
            ended => {
                assert_eq!(ended, closed(CloseReason::SlowConsumer).pop());
                break;
            }
        }
    }
    // The timeout is 10 s, and an eighth of it passes between tries.
    assert_eq!(session.now - begun, 30 * 1_250 * MS + 10_000 * MS);
}

#[test]
fn a_pong_is_not_missed_while_its_ping_waits_behind_bytes_that_leave() {
    let mut session = Played::new(TransportKind::WebSocket);
    session.give(Input::Stalled);
    let mut outputs = Vec::new();
    // Far longer than the heartbeat.
    for _ in 0..60 {
        outputs.extend(session.wait(500 * MS));
        session.machine.wrote(session.now);
        session.give(Input::Stalled);
    }
    assert_eq!(outputs, [Output::Ping]);
    // All has left now, the ping too.
    session.machine.wrote(session.now);
    assert_eq!(session.wait(199 * MS), []);
    let ended = session.wait(1_000 * MS);
    assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
}

#[test]
fn a_client_whose_connection_has_ended_is_looked_for_soon_but_not_at_once() {
    for (last_answer, more) in [(0, 0), (100 * 1024, 25)] {
        let mut session = Played::quiet(TransportKind::Polling);
        assert_eq!(session.wait(1_000 * MS), []);
        session.give(Input::ConnectionEnded { last_answer });
        assert_eq!(session.wait(4_999 * MS + more * 1_000 * MS), []);
        let words = match last_answer {
            0 => "no request came behind the end of its connection in 5s (poll_again_timeout 5s)",
            _ => {
                "no request came behind the end of its connection in 30s (poll_again_timeout 5s, and more for its last answer)"
            }
        };
        let ended = session.wait(MS);
        assert_eq!(missed(ended, words), closed(CloseReason::TransportClose));
    }
}

#[test]
fn a_client_that_has_returned_is_looked_for_no_more() {
    let mut session = Played::quiet(TransportKind::Polling);
    session.give(Input::ConnectionEnded { last_answer: 0 });
    assert_eq!(session.wait(4_999 * MS), []);
    session.machine.returned();
    assert_eq!(session.wait(10_000 * MS), []);
}
