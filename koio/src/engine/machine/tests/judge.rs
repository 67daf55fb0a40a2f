//! By when a client must have done what it owes.

use super::*;
use crate::engine::{breach::Breach, transport::Arriving};

fn arriving(bytes: u64) -> Input {
    Input::Arriving(Arriving {
        is_judged: false,
        bytes,
        expected: 640_000,
    })
}

fn exceeded(breach: Breach) -> Vec<Output> {
    let mut outputs = vec![Output::Exceeded(breach)];
    outputs.extend(closed(CloseReason::TransportError));
    outputs
}

#[test]
fn a_message_may_take_any_time_while_its_bytes_keep_coming() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    for second in 0..50 {
        session.give(arriving(second * 60_000));
        assert_eq!(session.wait(1_000 * MS), []);
    }
}

#[test]
fn a_message_that_pauses_is_cut_with_the_limit_and_both_numbers() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(arriving(60_000));
    session.wait(9_000 * MS);
    session.give(arriving(60_123));
    // The same bytes are no headway.
    session.wait(500 * MS);
    session.give(arriving(60_123));
    assert_eq!(session.wait(9_499 * MS), []);
    let paused = Breach::Paused {
        pause: Duration::from_secs(10),
        bytes: 60_123,
        expected: 640_000,
    };
    assert_eq!(session.wait(MS), exceeded(paused));
}

#[test]
fn a_message_that_comes_absurdly_slowly_is_cut() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    let mut outputs = Vec::new();
    for second in 0..11 {
        session.give(arriving(second + 1));
        outputs.extend(session.wait(1_000 * MS));
    }
    let slow = Breach::TooSlow {
        window: Duration::from_secs(10),
        bytes: 10,
        min_rate: 4_096,
    };
    assert_eq!(outputs[..2], exceeded(slow));
}

#[test]
fn a_message_that_ends_makes_room_for_another_deadline() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(arriving(1));
    session.wait(9_000 * MS);
    session.machine.completed(session.now);
    session.give(arriving(1));
    assert_eq!(session.wait(9_999 * MS), []);
    assert!(!session.wait(MS).is_empty());
}

#[test]
fn the_pong_deadline_rests_while_a_message_arrives() {
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(session.wait(400 * MS), [Output::Ping]);
    for step in 0..20 {
        session.give(arriving(step * 10_000));
        assert_eq!(session.wait(100 * MS), []);
    }
    session.machine.completed(session.now);
    // The pong had 100 ms left.
    assert_eq!(session.wait(99 * MS), []);
    let ended = session.wait(MS);
    assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
}

#[test]
fn a_pong_behind_a_message_is_in_time() {
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(session.wait(400 * MS), [Output::Ping]);
    session.give(arriving(1));
    assert_eq!(session.wait(5_000 * MS), []);
    session.machine.completed(session.now);
    assert_eq!(session.give(pong()), []);
    assert_eq!(session.wait(300 * MS), [Output::Ping]);
}

#[test]
fn a_client_is_not_judged_by_what_was_not_read() {
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(session.wait(300 * MS), [Output::Ping]);
    session.now += 200 * MS;
    let unread = Input::Tick { caught_up: false };
    assert_eq!(session.give(unread), []);
    assert_eq!(session.give(pong()), []);
    assert_eq!(session.give(TICK), []);
}

#[test]
fn a_ping_is_sent_however_much_is_not_read() {
    let mut session = Played::new(TransportKind::WebSocket);
    session.now += 300 * MS;
    let unread = Input::Tick { caught_up: false };
    assert_eq!(session.give(unread), [Output::Ping]);
}

#[test]
fn a_server_that_stood_still_gives_its_client_a_little_longer() {
    for answers in [true, false] {
        let mut session = Played::new(TransportKind::Polling);
        assert_eq!(session.wait(300 * MS), [Output::Ping]);
        session.now += 60_000 * MS;
        assert_eq!(session.give(TICK), []);
        assert_eq!(session.wait(99 * MS), []);
        if answers {
            assert_eq!(session.give(pong()), []);
            assert_eq!(session.wait(300 * MS), [Output::Ping]);
            let ended = session.wait(200 * MS);
            assert_eq!(missed(ended, PONG), closed(CloseReason::PingTimeout));
        } else {
            let ended = session.wait(MS);
            let words = "no pong came in 60.1s (ping_timeout 200ms)";
            assert_eq!(missed(ended, words), closed(CloseReason::PingTimeout));
        }
    }
}

#[test]
fn a_server_that_is_late_again_and_again_still_judges() {
    let mut session = Played::new(TransportKind::WebSocket);
    assert_eq!(session.wait(300 * MS), [Output::Ping]);
    session.now += 1_000 * MS;
    let mut late = 0;
    while session.give(TICK).is_empty() {
        session.now = session.machine.deadline().unwrap() + 150 * MS;
        late += 1;
    }
    assert!(!session.machine.is_open());
    assert_eq!(late, 1);
}

#[test]
fn a_message_and_an_upgrade_have_time_too_when_the_server_stood_still() {
    let mut session = Played::quiet(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    session.give(arriving(1));
    session.now += 15_000 * MS;
    assert_eq!(session.give(TICK), []);
    session.give(arriving(100_000));
    session.give(Input::ProbePacket(probe()));
    assert_eq!(
        session.give(Input::ProbePacket(EnginePacket::Upgrade)),
        [Output::ReleasePoll, Output::Upgrade]
    );
    assert_eq!(session.wait(9_999 * MS), []);
    assert!(session.machine.is_open());
}
