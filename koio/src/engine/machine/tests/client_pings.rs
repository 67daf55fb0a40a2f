//! Revision 3, in which the client sends the pings.

use super::*;

fn session(transport: TransportKind) -> Played {
    let now = Instant::now();
    let revision = Revision::Three { base64: false };
    Played {
        machine: Machine::new(config().into(), transport, revision, now),
        now,
    }
}

fn ping() -> Input {
    Input::Packet(EnginePacket::Ping(Bytes::new()))
}

const NO_PING: &str = "no ping came in 500ms (ping_interval + ping_timeout 500ms)";

#[test]
fn each_ping_is_answered_and_the_server_sends_none() {
    let mut session = session(TransportKind::WebSocket);
    for _ in 0..20 {
        assert_eq!(session.wait(499 * MS), []);
        assert_eq!(session.give(ping()), [Output::Pong]);
    }
}

#[test]
fn a_client_without_a_ping_ends_after_interval_and_timeout() {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let mut session = session(transport);
        session.wait(100 * MS);
        assert_eq!(session.give(ping()), [Output::Pong]);
        assert_eq!(session.wait(499 * MS), []);
        let ended = session.wait(MS);
        assert_eq!(missed(ended, NO_PING), closed(CloseReason::PingTimeout));
    }
}

#[test]
fn messages_are_no_pings() {
    let mut session = session(TransportKind::WebSocket);
    session.wait(400 * MS);
    assert_eq!(session.give(Input::Packet(text("hi"))), []);
    let ended = session.wait(100 * MS);
    assert_eq!(missed(ended, NO_PING), closed(CloseReason::PingTimeout));
}

#[test]
fn a_client_that_sends_a_pong_ends_with_a_transport_error() {
    let mut session = session(TransportKind::WebSocket);
    let mut outputs = session.give(pong());
    assert!(matches!(outputs.remove(0), Output::Broken(rule) if rule.contains("a pong")));
    assert_eq!(outputs, closed(CloseReason::TransportError));
}

#[test]
fn time_in_which_the_server_does_not_read_is_not_the_clients() {
    let mut session = session(TransportKind::WebSocket);
    session.wait(400 * MS);
    session.give(Input::Reading(false));
    assert_eq!(session.wait(2_000 * MS), []);
    session.give(Input::Reading(true));
    assert_eq!(session.wait(99 * MS), []);
    let ended = session.wait(MS);
    assert_eq!(missed(ended, NO_PING), closed(CloseReason::PingTimeout));
}

#[test]
fn an_upgrade_leaves_the_deadline_as_it_is() {
    let mut session = session(TransportKind::Polling);
    session.wait(100 * MS);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    let answered = session.give(Input::ProbePacket(probe()));
    assert_eq!(answered, [Output::ProbePong, Output::ReleasePoll]);
    let upgraded = session.give(Input::ProbePacket(EnginePacket::Upgrade));
    assert_eq!(upgraded, [Output::ReleasePoll, Output::Upgrade]);
    assert_eq!(session.wait(399 * MS), []);
    let ended = session.wait(MS);
    assert_eq!(missed(ended, NO_PING), closed(CloseReason::PingTimeout));
}
