//! How long a closing session waits for its client.

use super::*;

/// The session is gone because its client missed this.
#[track_caller]
fn gave_up(outputs: Vec<Output>, words: &str) {
    assert_eq!(missed(outputs, words), [Output::Gone]);
}

#[test]
fn a_closing_session_is_gone_when_finished_or_when_its_time_is_up() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush));
    assert!(!session.machine.is_open());
    assert_eq!(session.give(Input::Finished), [Output::Gone]);
    assert!(session.machine.is_gone());
    assert_eq!(session.machine.deadline(), None);

    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush));
    assert_eq!(session.wait(4_999 * MS), []);
    gave_up(
        session.wait(MS),
        "no poll came for what was queued in 5s (poll_again_timeout 5s)",
    );
}

#[test]
fn a_closing_session_waits_for_a_poll_longer_if_its_client_has_a_big_answer_to_receive() {
    let close = |reason| {
        let mut session = Played::new(TransportKind::Polling);
        session.give(Input::Close(reason, Ending::Flush));
        session
    };
    for (reason, seconds) in [
        (CloseReason::ForcedClose, 5),
        (CloseReason::ServerShuttingDown, 1),
    ] {
        for (bytes, more) in [(0, 0), (4_095, 0), (8 * 1024, 2), (1 << 30, 30 - seconds)] {
            let mut session = close(reason);
            session.machine.delivers(bytes, session.now);
            let time = 1_000 * (seconds + more) * MS;
            assert_eq!(session.wait(time - MS), [], "{reason}, {bytes} bytes");
            let note = match (bytes, seconds) {
                (8_192.., _) => ", and more for its last answer",
                (_, 1) => ", less at a shutdown",
                _ => "",
            };
            let waited = seconds + more;
            let words = format!(
                "no poll came for what was queued in {waited}s (poll_again_timeout 5s{note})"
            );
            gave_up(session.wait(MS), &words);
        }
    }
}

#[test]
fn a_server_that_stood_still_does_not_speak_of_a_shutdown() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush));
    session.now += Duration::from_secs(60);
    gave_up(
        session.give(TICK),
        "no poll came for what was queued in 60s (poll_again_timeout 5s)",
    );
}

#[test]
fn a_session_that_closes_already_hurries_when_the_server_shuts_down() {
    let mut session = Played::new(TransportKind::Polling);
    session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush));
    assert_eq!(session.wait(1_000 * MS), []);
    let shutdown = Input::Close(CloseReason::ServerShuttingDown, Ending::Flush);
    assert_eq!(session.give(shutdown), []);
    assert_eq!(session.wait(999 * MS), []);
    gave_up(
        session.wait(MS),
        "no poll came for what was queued in 1s (poll_again_timeout 5s, less at a shutdown)",
    );
}

#[test]
fn at_a_shutdown_a_websocket_may_take_long_as_long_as_it_takes_something() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(Input::Close(CloseReason::ServerShuttingDown, Ending::Flush));
    for _ in 0..4 {
        session.give(Input::Stalled);
        assert_eq!(session.wait(4_999 * MS), []);
        session.machine.wrote(session.now);
    }
    session.give(Input::Stalled);
    gave_up(
        session.wait(5_000 * MS),
        "nothing of what was queued was taken in 5s (poll_again_timeout 5s)",
    );

    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(Input::Close(CloseReason::ServerShuttingDown, Ending::Flush));
    session.give(Input::CloseSent);
    assert_eq!(session.wait(499 * MS), []);
    gave_up(
        session.wait(MS),
        "the close was not answered in 500ms (close_timeout 30s, less at a shutdown)",
    );
}

#[test]
fn a_closing_websocket_has_its_time_to_flush_and_a_sixth_of_it_to_answer() {
    let mut session = Played::quiet(TransportKind::WebSocket);
    session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush));
    assert_eq!(session.wait(20_000 * MS), []);
    session.give(Input::CloseSent);
    assert_eq!(session.wait(4_999 * MS), []);
    gave_up(
        session.wait(MS),
        "the close was not answered in 5s (close_timeout 30s, of which an answer gets a sixth)",
    );
}

#[test]
fn an_upgrade_at_its_last_step_is_finished_by_a_closing_session() {
    let mut session = Played::quiet(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    session.give(Input::ProbePacket(probe()));
    let closed = Output::Closed {
        reason: CloseReason::ServerShuttingDown,
        ending: Ending::Flush,
    };
    let shutdown = Input::Close(CloseReason::ServerShuttingDown, Ending::Flush);
    assert_eq!(session.give(shutdown), [closed]);
    assert_eq!(
        session.give(Input::ProbePacket(EnginePacket::Upgrade)),
        [Output::ReleasePoll, Output::Upgrade]
    );
    assert_eq!(session.machine.transport(), TransportKind::WebSocket);
    assert_eq!(session.give(Input::Finished), [Output::Gone]);
}

#[test]
fn a_closing_session_does_not_wait_for_the_whole_time_of_a_probe() {
    let mut session = Played::quiet(TransportKind::Polling);
    session.give(Input::ProbeOpened(TransportKind::WebSocket));
    session.give(Input::ProbePacket(probe()));
    session.give(Input::Close(CloseReason::ForcedClose, Ending::Flush));
    // It would time out after 10 s; a closing session waits 5 s for its last step.
    assert_eq!(session.wait(4_999 * MS), []);
    gave_up(
        session.wait(MS),
        "no poll came for what was queued in 5s (poll_again_timeout 5s)",
    );
}
